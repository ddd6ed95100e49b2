function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local data = if std.isObject(std.get(json, 'data')) then json.data else {};
  local text = std.get(json, 'error', std.get(json, 'message', ''));
  local code = if std.isString(text) then text else '';
  if res.status < 300 && std.get(data, 'success', true) != false && std.get(data, 'successCount', 1) != 0 then { id: std.get(data, 'smsBatchId') }
  // The limit of the plan, for a day or a month.
  else if std.get(json, 'hasReachedLimit') == true then { class: 'insufficient_credit', message: code }
  else {
    class: if code in res.errors then res.errors[code].class else if res.status < 300 then 'gateway_error',
    code: if code in res.errors then code,
    message: if code != '' then code,
  }
