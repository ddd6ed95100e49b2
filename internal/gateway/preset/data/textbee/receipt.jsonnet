function(req)
  local json = if std.isObject(req.json) then req.json else {};
  local event = std.toString(std.get(json, 'webhookEvent', ''));
  local statuses = { MESSAGE_SENT: 'sent', MESSAGE_DELIVERED: 'delivered', MESSAGE_FAILED: 'undelivered' };
  local times = { MESSAGE_SENT: 'sentAt', MESSAGE_DELIVERED: 'deliveredAt', MESSAGE_FAILED: 'failedAt' };
  // Also where the network gives no delivery reports: the message may have been delivered.
  local unsure = event == 'UNKNOWN_STATE' && std.get(json, 'status', '') == 'delivery_failed';
  local given = std.get(json, 'errorCode');
  local code = if given == null then '' else std.toString(given);
  local known = std.get(req.errors, code, {});
  if unsure then { id: std.get(json, 'smsBatchId'), status: 'unknown' }
  else if event in statuses then {
    id: std.get(json, 'smsBatchId'),
    status: statuses[event],
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(json, 'errorMessage'),
    at: std.get(json, times[event]),
  }
