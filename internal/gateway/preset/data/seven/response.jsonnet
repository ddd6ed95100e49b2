// A refusal is a 200 whose body is a code: in "success", in the message, or the bare number. Of a body
// without a code the status judges.
function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local messages = std.get(json, 'messages', []);
  local first = if std.isArray(messages) && std.length(messages) > 0 && std.isObject(messages[0]) then messages[0] else {};
  local bare = if std.isNumber(res.json) || std.isString(res.json) then res.json else null;
  local whole = std.get(json, 'success', bare);
  local failed = std.toString(std.get(first, 'success', true)) == 'false';
  local given = if failed && std.get(first, 'error') != null then std.get(first, 'error') else whole;
  local code = if given == null then '' else std.toString(given);
  local taken = res.status < 300 && std.member(['', '100', '101'], code) && !failed;
  local known = std.get(res.errors, code, {});
  if taken then { id: std.get(first, 'id') }
  else if res.status < 300 || code in res.errors then {
    class: std.get(known, 'class', 'gateway_error'),
    code: if code != '' then code,
    message: if std.get(first, 'error_text') != null then std.get(first, 'error_text') else std.get(known, 'means'),
  }
