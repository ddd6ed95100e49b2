function(res)
  local json = if std.isObject(res.json) then res.json else {};
  // The code is the title, where that is a number, or else the end of the type's address.
  local title = std.toString(std.get(json, 'title', ''));
  local type = std.split(std.get(json, 'type', ''), '#');
  local code =
    if title != '' && std.stripChars(title, '0123456789') == '' then title
    else if std.length(type) > 1 then type[1]
    else '';
  if res.status < 300 then { id: std.get(json, 'message_uuid') }
  else {
    class: std.get(std.get(res.errors, code, {}), 'class', if res.status == 402 then 'insufficient_credit'),
    code: if code != '' then code,
    message: std.get(json, 'detail', std.get(json, 'title')),
  }
