// A 202 holds a status of its own for each recipient.
function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local list = std.get(json, 'value', []);
  local item = if std.isArray(list) && std.length(list) > 0 && std.isObject(list[0]) then list[0] else {};
  local problem = if std.isObject(std.get(json, 'error')) then json['error'] else {};
  local own = std.get(item, 'httpStatusCode');
  local code = if own == null then '' else std.toString(own);
  if res.status >= 300 then { code: std.get(problem, 'code'), message: std.get(problem, 'message') }
  else if std.toString(std.get(item, 'successful', true)) != 'false' && (own == null || std.startsWith(code, '2')) then { id: std.get(item, 'messageId') }
  else {
    class: if code in res.errors then res.errors[code].class else 'gateway_error',
    code: if code != '' then code,
    message: if std.isString(std.get(item, 'errorMessage')) then item.errorMessage,
  }
