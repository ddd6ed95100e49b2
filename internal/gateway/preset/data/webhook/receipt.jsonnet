function(req)
  local statuses = ['sent', 'delivered', 'undelivered', 'rejected', 'expired', 'canceled', 'unknown'];
  local list = if std.isArray(req.json) then req.json else [req.json];
  local classes = [
    'invalid_destination', 'not_sms_capable', 'opted_out', 'barred', 'blocked_content', 'message_too_long', 'unroutable', 'duplicate',
    'unauthorized', 'account_suspended', 'insufficient_credit', 'invalid_sender', 'destination_not_permitted',
    'template_mismatch', 'bad_request',
    'throttled', 'queue_full', 'gateway_error', 'network_error', 'timeout', 'absent_subscriber', 'recipient_rate_limited',
    'outcome_unknown', 'template_error',
  ];
  local isText(value) = std.isString(value) || std.isNumber(value);
  local fits(r) =
    std.isObject(r) && std.member(statuses, std.get(r, 'status')) &&
    (isText(std.get(r, 'id')) || isText(std.get(r, 'reference')));
  // Whose answer named no id knows the message by ours.
  local receipt(r) = {
    id: if isText(std.get(r, 'id')) then r.id,
    reference: if isText(std.get(r, 'reference')) then r.reference else r.id,
    status: r.status,
    // A class of the sender's own says nothing here.
    class: if std.member(classes, std.get(r, 'class')) then r.class,
    code: if isText(std.get(r, 'code')) then r.code,
    message: if isText(std.get(r, 'message')) then r.message,
    at: std.get(r, 'at'),
  };
  if std.all([fits(r) for r in list]) then [receipt(r) for r in list]
  else {
    receipts: [],
    reply: { status: 400, body: { detail: 'each receipt needs id or reference, and one of these as its status: ' + std.join(', ', statuses) } },
  }
