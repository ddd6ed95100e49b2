function(req)
  local json = if std.isObject(req.json) then req.json else {};
  local event = std.toString(std.get(json, 'event', ''));
  local payload = if std.isObject(std.get(json, 'payload')) then json.payload else {};
  local statuses = { 'sms:sent': 'sent', 'sms:delivered': 'delivered', 'sms:failed': 'undelivered', 'sms:cancelled': 'canceled' };
  local times = { 'sms:sent': 'sentAt', 'sms:delivered': 'deliveredAt', 'sms:failed': 'failedAt', 'sms:cancelled': 'cancelledAt' };
  local reason = if std.isString(std.get(payload, 'reason')) then payload.reason else '';
  // "Send result: RESULT_ERROR_NO_SERVICE (…)"
  local words = [word for word in std.split(reason, ' ') if std.startsWith(word, 'RESULT_')];
  local code = if std.length(words) > 0 then words[0] else if reason in req.errors then reason else '';
  local known = std.get(req.errors, code, {});
  if event in statuses && std.get(payload, 'messageId') != null then {
    id: payload.messageId,
    reference: payload.messageId,
    status: if event == 'sms:failed' && std.get(known, 'status') != null then known.status else statuses[event],
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: if reason != '' then reason,
    at: std.get(payload, times[event]),
  }
