function(res)
  local statuses = {
    ACCEPTED: 'sent', SCHEDULED: 'sent', SENT: 'sent', DELIVERED: 'delivered', FAILED: 'undelivered', UNKNOWN: 'unknown',
  };
  local list = if std.isArray(res.json) then res.json else error 'the answer is no list of messages';
  local state(message) = std.get(message, 'status', {});
  // What was not sent may be sent again.
  local taken = [message for message in list if std.get(state(message), 'subtype') != 'NOT_SENT'];
  if taken != [] then
    local status = state(taken[0]);
    local type = std.get(status, 'type', '');
    {
      id: std.get(taken[0], 'id'),
      status: if std.get(status, 'subtype') == 'EXPIRED' then 'expired' else std.get(statuses, type),
      code: if type == 'FAILED' then std.get(status, 'id'),
    }
