function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local head(list) = if std.isArray(list) && std.length(list) > 0 && std.isObject(list[0]) then list[0] else {};
  local first = head(std.get(json, 'errors'));
  local code = if std.get(first, 'code') == null then '' else std.toString(first.code);
  local known = std.get(res.errors, code, {});
  local recipients = std.get(json, 'recipients', {});
  local item = if std.isObject(recipients) then head(std.get(recipients, 'items')) else {};
  local reason = if std.get(item, 'statusErrorCode') == null then '' else std.toString(item.statusErrorCode);
  local parameters = {
    recipient: 'invalid_destination', recipients: 'invalid_destination', originator: 'invalid_sender', access_key: 'unauthorized',
    body: 'message_too_long', reportUrl: 'bad_request', validity: 'bad_request', datacoding: 'bad_request', reference: 'bad_request',
  };
  // What is wrong with a parameter is about that parameter; of one that is not named the status judges.
  local about = if code == '9' || code == '10' then std.get(parameters, std.toString(std.get(first, 'parameter', ''))) else null;
  if res.status >= 300 || code != '' then {
    class: if about != null then about else if code in res.errors then known.class else if res.status < 300 then 'gateway_error',
    code: if code != '' then code,
    message: std.get(first, 'description'),
  }
  // A message with an id that nobody was sent, and that does not wait to be sent.
  else if std.get(item, 'status') == 'delivery_failed' || std.isObject(recipients) &&
          std.toString(std.get(recipients, 'totalSentCount', '')) == '0' && std.get(item, 'status') != 'scheduled' then {
    class: if reason in res.errors then res.errors[reason].class else 'unroutable',
    code: if reason != '' then reason,
    message: 'no recipient was sent the message: ' + std.toString(std.get(item, 'statusReason', std.get(item, 'status', 'no reason given'))),
  }
  else { id: std.get(json, 'id') }
