function(req)
  local statuses = ['sent', 'delivered', 'undelivered', 'rejected', 'expired', 'canceled', 'unknown'];
  local list = if std.isArray(req.json) then req.json else [req.json];
  local classes = [
    null, 'invalid_destination', 'not_sms_capable', 'opted_out', 'barred', 'blocked_content', 'message_too_long', 'unroutable', 'duplicate',
    'unauthorized', 'account_suspended', 'insufficient_credit', 'invalid_sender', 'destination_not_permitted',
    'template_mismatch', 'bad_request',
    'throttled', 'queue_full', 'gateway_error', 'network_error', 'timeout', 'absent_subscriber', 'recipient_rate_limited',
    'outcome_unknown', 'template_error',
  ];
  local fits(r) =
    std.isObject(r) && std.member(statuses, std.get(r, 'status')) && std.member(classes, std.get(r, 'class')) &&
    (std.get(r, 'id') != null || std.get(r, 'reference') != null);
  // Whose answer named no id knows the message by ours.
  local receipt(r) = {
    id: std.get(r, 'id'),
    reference: if std.get(r, 'reference') != null then r.reference else r.id,
    status: r.status,
    class: std.get(r, 'class'),
    code: std.get(r, 'code'),
    message: std.get(r, 'message'),
    at: std.get(r, 'at'),
  };
  if std.all([fits(r) for r in list]) then [receipt(r) for r in list]
  else {
    receipts: [],
    reply: { status: 400, body: { detail: 'each receipt needs id or reference, and one of these as its status: ' + std.join(', ', statuses) } },
  }
