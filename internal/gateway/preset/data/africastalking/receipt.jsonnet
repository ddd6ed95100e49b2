function(req)
  local statuses = {
    Sent: 'sent', Submitted: 'sent', Buffered: 'sent', Success: 'delivered', Failed: 'undelivered', Rejected: 'rejected',
    Expired: 'expired', AbsentSubscriber: 'undelivered',
  };
  local status = std.get(req.form, 'status', '');
  local reason = std.get(req.form, 'failureReason', '');
  // A phone that is off is a status in some networks.
  local code = if reason != '' then reason else if status == 'AbsentSubscriber' then status else '';
  local known = std.get(req.errors, code, {});
  {
    id: std.get(req.form, 'id'),
    status: std.get(statuses, status),
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(known, 'means'),
  }
