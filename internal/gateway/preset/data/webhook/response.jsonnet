function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local classes = [
    'invalid_destination', 'not_sms_capable', 'opted_out', 'barred', 'blocked_content', 'message_too_long', 'unroutable', 'duplicate',
    'unauthorized', 'account_suspended', 'insufficient_credit', 'invalid_sender', 'destination_not_permitted',
    'template_mismatch', 'bad_request',
    'throttled', 'queue_full', 'gateway_error', 'network_error', 'timeout', 'absent_subscriber', 'recipient_rate_limited',
    'outcome_unknown', 'template_error',
  ];
  local class = std.get(json, 'class');
  local delay = std.get(json, 'retry_after');
  local isText(value) = std.isString(value) || std.isNumber(value);
  if res.status < 300 then { id: std.get(json, 'id') }
  else {
    class: if std.member(classes, class) then class,
    code: if isText(std.get(json, 'code')) then json.code,
    message: if isText(std.get(json, 'message')) then json.message,
    retry_after: if std.isNumber(delay) || std.isString(delay) && delay != '' && std.stripChars(delay, '0123456789') == '' then delay,
  }
