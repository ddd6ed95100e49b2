function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local text = std.get(json, 'message', '');
  local code = if std.isString(text) then std.split(text, ':')[0] else '';
  if res.status < 300 then { id: std.get(json, 'id') }
  // An earlier attempt of this message was taken.
  else if res.status == 409 then { outcome: 'accepted' }
  else {
    class: if code in res.errors then res.errors[code].class,
    code: if code in res.errors then code,
    message: if std.isString(text) && text != '' then text,
  }
