local object(value) = if std.isObject(value) then value else {};
local list(value) = if std.isArray(value) then [e for e in value if std.isObject(e)] else [];
local text(value) = if std.isString(value) then value else '';

function(req)
  local statuses = {
    Queued: 'sent', Dispatched: 'sent', Delivered: 'delivered', Failed: 'undelivered', Deleted: 'undelivered',
    Aborted: 'rejected', Rejected: 'rejected', Cancelled: 'canceled', Canceled: 'canceled', Expired: 'expired', Unknown: 'unknown',
  };
  local json = object(req.json);
  // One report has the recipient's state, the other the states of all its recipients: there is one.
  local parts =
    if std.get(json, 'type') == 'recipient_delivery_report_sms' then [json]
    else if std.get(json, 'type') == 'delivery_report_sms' then list(std.get(json, 'statuses'))
    else [];
  [
    local given = std.get(part, 'code');
    local code = if given == null then '0' else std.toString(given);
    local known = std.get(req.errors, code, {});
    local status = std.get(known, 'status');
    {
      id: std.get(json, 'batch_id'),
      reference: std.get(json, 'client_reference'),
      status: if status != null then status else std.get(statuses, text(std.get(part, 'status'))),
      class: std.get(known, 'class'),
      code: if code != '0' then code,
      message: std.get(known, 'means'),
      at: std.get(part, 'operator_status_at', std.get(part, 'at')),
    }
    for part in parts
  ]
