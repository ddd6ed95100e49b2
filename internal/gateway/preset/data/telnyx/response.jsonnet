function(res)
  local object(value) = if std.isObject(value) then value else {};
  local list(value) = if std.isArray(value) then [e for e in value if std.isObject(e)] else [];
  local json = object(res.json);
  local data = object(std.get(json, 'data'));
  // A message that failed at once is a success with errors inside.
  local errors = list(std.get(json, 'errors')) + list(std.get(data, 'errors'));
  local codeOf(e) = if std.get(e, 'code') == null then '' else std.toString(e.code);
  local known = [e for e in errors if std.get(std.get(res.errors, codeOf(e), {}), 'class') != null];
  local fault = if std.length(known) > 0 then known[0] else if std.length(errors) > 0 then errors[0] else {};
  local class = std.get(std.get(res.errors, codeOf(fault), {}), 'class');
  local states = [std.get(to, 'status') for to in list(std.get(data, 'to'))];
  local failed = std.member(states, 'sending_failed') || std.member(states, 'delivery_failed');
  // Codes such as 10002 are about either number.
  local isSender = std.get(object(std.get(fault, 'source')), 'pointer') == '/from';
  {
    id: std.get(data, 'id'),
    class:
      if class == 'invalid_destination' && isSender then 'invalid_sender'
      else if class == null && failed then 'gateway_error'
      else class,
    code: if codeOf(fault) != '' then codeOf(fault),
    message: std.get(fault, 'detail', std.get(fault, 'title')),
  }
