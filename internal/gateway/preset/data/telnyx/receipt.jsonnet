function(req)
  local statuses = {
    queued: 'sent', sending: 'sent', sent: 'sent', delivered: 'delivered', delivery_failed: 'undelivered',
    sending_failed: 'rejected', expired: 'expired', delivery_unconfirmed: 'unknown',
  };
  local object(value) = if std.isObject(value) then value else {};
  local list(value) = if std.isArray(value) then [e for e in value if std.isObject(e)] else [];
  local text(value) = if std.isString(value) then value else '';
  local data = object(std.get(object(req.json), 'data'));
  local payload = object(std.get(data, 'payload'));
  local errors = list(std.get(payload, 'errors'));
  local fault = if std.length(errors) > 0 then errors[0] else {};
  local given = std.get(fault, 'code');
  local code = if given == null then '' else std.toString(given);
  local known = std.get(req.errors, code, {});
  local status = std.get(known, 'status');
  // The account's webhook brings what others write to us too.
  [
    {
      id: std.get(payload, 'id'),
      status: if status != null then status else std.get(statuses, text(std.get(to, 'status'))),
      class: std.get(known, 'class'),
      code: if code != '' then code,
      message: std.get(fault, 'title', std.get(fault, 'detail')),
      at: std.get(data, 'occurred_at'),
    }
    for to in list(std.get(payload, 'to'))
    if std.member(['message.sent', 'message.finalized'], std.get(data, 'event_type', ''))
  ]
