function(req)
  local statuses = {
    queued: 'sent', sent: 'sent', delivered: 'delivered', undelivered: 'undelivered', failed: 'rejected', rejected: 'rejected',
  };
  local form = if req.method == 'GET' then req.query else req.form;
  local status = std.get(statuses, std.get(form, 'Status', ''));
  local code = std.get(form, 'ErrorCode', '');
  local failed = std.stripChars(code, '0') != '';
  local known = if failed then std.get(req.errors, code, {}) else {};
  local ended = std.get(known, 'status');
  {
    // Each message has one id: ParentMessageUUID and PartInfo are reserved.
    id: std.get(form, 'MessageUUID'),
    status: if ended != null && (status == 'undelivered' || status == 'rejected') then ended else status,
    class: std.get(known, 'class'),
    code: if failed then code,
    message: std.get(known, 'means'),
  }
