function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local text = std.get(json, 'message', '');
  // "failed to enqueue message: queue limits exceeded"
  local known = if std.isString(text) then [part for part in std.split(text, ': ') if part in res.errors] else [];
  local code = if std.length(known) > 0 then known[std.length(known) - 1] else '';
  if res.status < 300 then { id: std.get(json, 'id') }
  // An earlier attempt of this message was taken.
  else if res.status == 409 then { outcome: 'accepted' }
  else {
    class: if code != '' then res.errors[code].class,
    code: if code != '' then code,
    message: if std.isString(text) && text != '' then text,
  }
