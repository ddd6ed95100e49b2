function(req)
  local json = if std.isObject(req.json) then req.json else {};
  local data = std.get(json, 'data', {});
  local statuses = {
    ACCEPTED: 'sent', BUFFERED: 'sent', TRANSMITTED: 'sent', DELIVERED: 'delivered', NOTDELIVERED: 'undelivered',
    FAILED: 'undelivered', REJECTED: 'rejected', EXPIRED: 'expired', UNKNOWN: 'unknown',
  };
  // The account's webhook may report more than receipts.
  if std.get(json, 'webhook_event', 'dlr') == 'dlr' && std.isObject(data) && std.get(data, 'msg_id') != null then {
    id: std.toString(data.msg_id),
    reference: std.get(data, 'foreign_id'),
    status: std.get(statuses, std.get(data, 'status', '')),
  }
