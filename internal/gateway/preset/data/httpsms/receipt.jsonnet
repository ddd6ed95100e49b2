// Events in the CloudEvents format.
function(req)
  local json = if std.isObject(req.json) then req.json else {};
  local type = std.toString(std.get(json, 'type', ''));
  local data = if std.isObject(std.get(json, 'data')) then json.data else {};
  local statuses = {
    'message.phone.sent': 'sent', 'message.phone.delivered': 'delivered', 'message.send.failed': 'undelivered',
    'message.send.expired': 'expired',
  };
  local code = if std.isString(std.get(data, 'error_message')) then data.error_message else '';
  local known = std.get(req.errors, code, {});
  // One that is not final is tried again by httpSMS.
  local id = std.get(data, 'id', std.get(data, 'message_id'));
  if id != null && type in statuses && !(type == 'message.send.expired' && std.toString(std.get(data, 'is_final', '')) == 'false') then {
    id: id,
    reference: std.get(data, 'request_id'),
    status: statuses[type],
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(known, 'means'),
    at: std.get(data, 'timestamp'),
  }
