function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local messages = std.get(json, 'messages', []);
  if res.status < 300 then
    if messages == [] then null
    else
      local status = std.get(messages[0], 'status', {});
      local groups = { UNDELIVERABLE: 2, EXPIRED: 4, REJECTED: 5 };
      local group = std.get(status, 'groupId', std.get(groups, std.get(status, 'groupName', '')));
      // The groups of an accepted message are 0 (ok), 1 (pending) and 3 (delivered).
      local refused = group == 2 || group == 4 || group == 5;
      {
        id: std.get(messages[0], 'messageId'),
        class: if refused then std.get(std.get(res.errors, std.get(status, 'name', ''), {}), 'class', 'unroutable'),
        code: if refused then std.get(status, 'name'),
        message: if refused then std.get(status, 'description'),
      }
  else
    // An error has one of two forms.
    local older = std.get(std.get(json, 'requestError', {}), 'serviceException', {});
    local code = std.get(json, 'errorCode', std.get(older, 'messageId', ''));
    local violations = std.get(json, 'violations', []);
    local violation = if violations != [] then violations[0] else {};
    local property = std.get(violation, 'property', '');
    local class = std.get(std.get(res.errors, code, {}), 'class');
    local about =
      if std.length(std.findSubstr('destinations', property)) > 0 then 'invalid_destination'
      else if std.length(std.findSubstr('sender', property)) > 0 then 'invalid_sender';
    {
      class: if class == null && res.status == 400 then about else class,
      code: if code != '' then code,
      message: std.get(violation, 'violation', std.get(json, 'description', std.get(older, 'text'))),
    }
