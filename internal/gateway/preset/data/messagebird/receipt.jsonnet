function(req)
  local statuses = {
    scheduled: 'sent', sent: 'sent', buffered: 'sent', delivered: 'delivered', expired: 'expired', delivery_failed: 'undelivered',
  };
  local reasons = {
    'unknown subscriber': 'invalid_destination', 'unavailable subscriber': 'absent_subscriber', 'opted out': 'opted_out',
    'received network error': 'network_error', 'insufficient balance': 'insufficient_credit', 'carrier rejected': 'blocked_content',
    'capacity limit reached': 'throttled', 'system error': 'gateway_error',
  };
  local given = std.get(req.query, 'statusErrorCode', '');
  local code = if given == null || given == 'null' then '' else given;
  local reason = std.get(req.query, 'statusReason', '');
  local known = std.get(req.errors, code, {});
  {
    id: std.get(req.query, 'id'),
    reference: std.get(req.query, 'reference'),
    status: std.get(statuses, std.get(req.query, 'status', '')),
    class: if std.get(known, 'class') != null then known.class else std.get(reasons, reason),
    code: if code != '' then code,
    message: if reason != '' then reason else std.get(known, 'means'),
    at: std.get(req.query, 'statusDatetime'),
  }
