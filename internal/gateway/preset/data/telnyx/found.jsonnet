function(res)
  local statuses = {
    queued: 'sent', sending: 'sent', sent: 'sent', delivered: 'delivered', delivery_failed: 'undelivered',
    sending_failed: 'rejected', expired: 'expired', delivery_unconfirmed: 'unknown',
  };
  local json = if std.isObject(res.json) then res.json else {};
  local data = std.get(json, 'data', {});
  local to = std.get(data, 'to', []);
  local errors = std.get(data, 'errors', []);
  // It gave an id: that it is gone says nothing of whether it was sent.
  if res.status == 404 || to == [] then error 'the answer is no message'
  else {
    id: std.get(data, 'id'),
    status: std.get(statuses, std.get(to[0], 'status', '')),
    code: if errors != [] then std.get(errors[0], 'code'),
    message: if errors != [] then std.get(errors[0], 'title'),
    at: std.get(data, 'completed_at'),
  }
