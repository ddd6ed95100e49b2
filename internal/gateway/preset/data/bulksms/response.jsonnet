function(res)
  local object(value) = if std.isObject(value) then value else {};
  local first = if std.isArray(res.json) && std.length(res.json) > 0 then object(res.json[0]) else {};
  local problem = object(res.json);
  local status = object(std.get(first, 'status'));
  local failed = std.get(status, 'type') == 'FAILED';
  // The name of an error is the end of its type's address.
  local parts = std.split(std.toString(std.get(problem, 'type', '')), '#');
  local code =
    if failed then std.toString(std.get(status, 'id', 'FAILED'))
    else if std.length(parts) > 1 then parts[1]
    else '';
  local detail = std.get(problem, 'detail');
  local text = if std.isString(detail) then std.asciiLower(detail) else '';
  local title = std.get(problem, 'title');
  local says(words) = std.any([std.member(text, word) for word in words]);
  local saysCredit = std.member(text, 'credit') || std.isString(title) && std.member(std.asciiLower(title), 'credit');
  local known = std.get(std.get(res.errors, code, {}), 'class');
  {
    id: std.get(first, 'id'),
    class:
      if known != null then known
      else if failed then 'unroutable'
      else if res.status == 403 && saysCredit then 'insufficient_credit'
      else if std.member([404, 405, 406, 415], res.status) then 'bad_request'
      else if res.status == 400 && says(["'from'", '"from"', 'sender']) then 'invalid_sender'
      else if res.status == 400 && says(['too long', 'message parts', 'longmessagemaxparts']) then 'message_too_long'
      else if res.status == 400 && says(["'to'", '"to"', 'recipient', 'phone number', 'msisdn']) then 'invalid_destination',
    code: if code != '' then code,
    message: if std.isString(detail) then detail else if std.isString(title) then title,
  }
