function(req)
  local statuses = {
    ACCEPTED: 'sent', SCHEDULED: 'sent', SENT: 'sent', DELIVERED: 'delivered', FAILED: 'undelivered', UNKNOWN: 'unknown',
  };
  local object(value) = if std.isObject(value) then value else {};
  // An empty list is how the webhook is tried when it is registered.
  [
    local status = object(std.get(message, 'status'));
    local type = std.get(status, 'type', '');
    local subtype = std.get(status, 'subtype');
    local given = std.get(status, 'id');
    local code = if given != null then given else if subtype != null then type + '.' + subtype else type;
    local known = std.get(req.errors, code, {});
    {
      id: std.get(message, 'id'),
      status: if std.get(known, 'status') != null then known.status else std.get(statuses, type),
      class: std.get(known, 'class'),
      code: if type == 'FAILED' then code,
      message: std.get(known, 'means'),
    }
    for message in if std.isArray(req.json) then req.json else []
    if std.isObject(message) && std.get(message, 'type', 'SENT') == 'SENT'
  ]
