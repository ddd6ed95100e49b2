function(req)
  local statuses = { created: 'sent', sent: 'sent', delivered: 'delivered', failed: 'undelivered' };
  {
    id: std.get(req.form, 'id'),
    status: std.get(statuses, std.get(req.form, 'status', '')),
    at: std.get(req.form, 'delivered'),
  }
