function(req)
  local names = {
    UNKNOWN: 'unknown', QUEUED: 'sent', SCHEDULED: 'sent', SENT_TO_SUPPLIER: 'sent', DEVICE_ACK: 'delivered', READ: 'delivered',
    EXPIRED: 'expired', STOPPED_BY_USER: 'canceled', STOPPED_BY_ADMIN: 'canceled', DELIVERY_FAILURE: 'undelivered', EMULATED: 'sent',
    INSUFFICIENT_ACCOUNT_BALANCE: 'rejected', VOLUME_LIMIT: 'rejected', VOLUME_LIMIT_DAILY: 'rejected',
    VOLUME_LIMIT_MONTHLY: 'rejected', RECIPIENT_DOES_NOT_EXIST: 'undelivered', ROUTING_ERROR: 'undelivered',
  };
  local numbers = { '1': 'unknown', '2': 'sent', '3': 'sent', '4': 'sent', '5': 'delivered', '6': 'delivered', '24': 'sent' };
  local receipt(update) =
    local code = if std.get(update, 'statusCode') == null then '' else std.toString(update.statusCode);
    local known = std.get(req.errors, code, {});
    {
      id: std.get(update, 'messageId'),
      reference: std.get(update, 'clientMessageId'),
      status: if code in numbers then numbers[code] else if std.get(known, 'status') != null then known.status
              else std.get(names, std.get(update, 'status', '')),
      class: std.get(known, 'class'),
      code: if code in req.errors then code,
      message: std.get(known, 'means'),
      at: std.get(update, 'timestamp'),
    };
  local json = if std.isObject(req.json) then req.json else {};
  local event = std.get(json, 'event', {});
  local updates = if std.isObject(event) then std.get(event, 'messageStatusUpdate', []) else [];
  [receipt(update) for update in if std.isArray(updates) then updates else [updates] if std.isObject(update)]
