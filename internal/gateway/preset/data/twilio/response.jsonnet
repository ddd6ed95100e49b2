function(res)
  local json = if std.isObject(res.json) then res.json else {};
  // An answer of success may name the error of a message that failed at once.
  local given = if res.status < 300 then std.get(json, 'error_code') else std.get(json, 'code');
  local code = if given == null then '' else std.toString(given);
  local known = std.get(res.errors, code, {});
  {
    id: if res.status < 300 then std.get(json, 'sid'),
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: if res.status < 300 then std.get(json, 'error_message') else std.get(json, 'message'),
  }
