function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local states = { Sent: 'sent', Delivered: 'delivered', Failed: 'undelivered', Cancelled: 'canceled' };
  local recipients = std.get(json, 'recipients', []);
  local first = if std.isArray(recipients) && std.length(recipients) > 0 then recipients[0] else {};
  if res.status != 404 then {
    id: std.get(json, 'id'),
    // Pending and Processed: the phone has it.
    status: std.get(states, std.get(json, 'state', '')),
    message: std.get(first, 'error'),
  }
