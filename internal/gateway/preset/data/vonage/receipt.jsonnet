local text(value) = if std.isString(value) then value else '';

function(req)
  local statuses = {
    accepted: 'sent', buffered: 'sent', delivered: 'delivered', expired: 'expired',
    failed: 'undelivered', rejected: 'rejected', unknown: 'unknown',
  };
  local given = if std.isObject(req.json) then req.json else if req.method == 'GET' then req.query else req.form;
  local value = std.get(given, 'err-code');
  local code = if value == null then '' else std.toString(value);
  local known = std.get(req.errors, code, {});
  local failed = code != '' && code != '0';
  {
    id: std.get(given, 'messageId'),
    reference: std.get(given, 'client-ref'),
    status: std.get(statuses, text(std.get(given, 'status'))),
    class: std.get(known, 'class'),
    code: if failed then code,
    message: std.get(known, 'means'),
    at: std.get(given, 'message-timestamp'),
  }
