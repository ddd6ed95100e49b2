function(req)
  local statuses = {
    accepted: 'sent', scheduled: 'sent', queued: 'sent', sending: 'sent', sent: 'sent',
    delivered: 'delivered', read: 'delivered', undelivered: 'undelivered', failed: 'rejected', canceled: 'canceled',
  };
  local status = std.get(statuses, std.get(req.form, 'MessageStatus', std.get(req.form, 'SmsStatus', '')));
  local code = std.get(req.form, 'ErrorCode', '');
  local known = std.get(req.errors, code, {});
  local ended = std.get(known, 'status');
  {
    id: std.get(req.form, 'MessageSid', std.get(req.form, 'SmsSid')),
    status: if ended != null && (status == 'undelivered' || status == 'rejected') then ended else status,
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(req.form, 'ErrorMessage', std.get(known, 'means')),
  }
