// 202, 207 and 400 may each hold an error for the message; one for the whole request stands above it.
function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local messages = std.get(json, 'messages', []);
  local first = if std.isArray(messages) && std.length(messages) > 0 && std.isObject(messages[0]) then messages[0] else {};
  local refused = std.toString(std.get(first, 'accepted', true)) == 'false';
  local own = std.get(first, 'error');
  local whole = std.get(json, 'error');
  local problem = if std.isObject(own) then own else if std.isObject(whole) then whole else {};
  local code = if std.get(problem, 'code') == null then '' else std.toString(problem.code);
  local known = std.get(res.errors, code, {});
  if res.status < 300 && !refused && code == '' then { id: std.get(first, 'apiMessageId') }
  else {
    class: if code in res.errors then known.class else if res.status < 300 then 'gateway_error',
    code: if code != '' then code,
    message: std.get(problem, 'description'),
  }
