function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local data = if std.isObject(std.get(json, 'data')) then json.data else {};
  local text = if std.get(json, 'error') != null then json['error'] else std.get(json, 'message');
  local code = if std.isString(text) then text else '';
  local is(object, name, value) = std.toString(std.get(object, name, '')) == value;
  if res.status < 300 && !is(data, 'success', 'false') && !is(data, 'successCount', '0') then { id: std.get(data, 'smsBatchId') }
  // The limit of the plan, for a day or a month.
  else if is(json, 'hasReachedLimit', 'true') then { class: 'insufficient_credit', message: code }
  else {
    class: if code in res.errors then res.errors[code].class else if res.status < 300 then 'gateway_error',
    code: if code in res.errors then code,
    message: if code != '' then code,
  }
