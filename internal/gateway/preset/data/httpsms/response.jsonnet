function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local data = if std.isObject(std.get(json, 'data')) then json.data else {};
  // A 422 names the fields that are wrong.
  local fields = if res.status == 422 then [field for field in std.objectFields(data) if field in res.errors && data[field] != null] else [];
  local code = if std.length(fields) > 0 then fields[0] else if std.toString(res.status) in res.errors then std.toString(res.status) else '';
  if res.status < 300 then { id: std.get(data, 'id') }
  else {
    class: if code != '' then res.errors[code].class,
    code: if code != '' then code,
    message: if std.isString(std.get(json, 'message')) then json.message,
  }
