function(res)
  local json = if std.isObject(res.json) then res.json else {};
  // Errors have no code: they are a sentence, and many of them a 403.
  local text = if res.status >= 400 then std.asciiLower(std.trim(res.text)) else '';
  local says(words) = std.any([std.member(text, word) for word in words]);
  {
    id: std.get(json, 'id'),
    class:
      if res.status < 300 then (if std.get(json, 'status') == 'failed' then 'unroutable')
      else if res.status == 401 then 'unauthorized'
      else if res.status == 429 then 'throttled'
      else if res.status >= 500 then 'gateway_error'
      else if says(['missing key', 'missing parameter']) then 'bad_request'
      else if says(['credit', 'balance', 'funds']) then 'insufficient_credit'
      else if says(['too long']) then 'message_too_long'
      else if says(['opted out', 'blacklisted']) then 'opted_out'
      else if says(['suspended', 'deactivated', 'account is']) then 'account_suspended'
      else if says(['sender', 'from number', 'invalid from', "'from'", '"from"', 'from:', 'key from']) then 'invalid_sender'
      else if says(['country', 'destination not allowed']) then 'destination_not_permitted'
      else if says(['to number', 'invalid to', "'to'", '"to"', 'to:', 'key to', 'recipient', 'phone number', 'e.164', 'e164']) then 'invalid_destination'
      else if std.member([404, 405, 406, 415], res.status) then 'bad_request',
    message: if text != '' then std.trim(res.text),
  }
