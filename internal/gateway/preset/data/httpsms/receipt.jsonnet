// Events in the CloudEvents format.
function(req)
  local json = if std.isObject(req.json) then req.json else {};
  local type = std.get(json, 'type', '');
  local data = if std.isObject(std.get(json, 'data')) then json.data else {};
  local statuses = {
    'message.phone.sent': 'sent', 'message.phone.delivered': 'delivered', 'message.send.failed': 'undelivered',
    'message.send.expired': 'expired',
  };
  local code = std.get(data, 'error_message', '');
  local known = std.get(req.errors, code, {});
  // One that is not final is tried again by httpSMS.
  if type in statuses && !(type == 'message.send.expired' && std.get(data, 'is_final') == false) then {
    id: std.get(data, 'id', std.get(data, 'message_id')),
    reference: std.get(data, 'request_id'),
    status: statuses[type],
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(known, 'means'),
    at: std.get(data, 'timestamp'),
  }
