// The answer is 200 whatever happened, with an entry for each part of the message.
function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local parts = std.get(json, 'messages', []);
  local statusOf(part) = if std.get(part, 'status') == null then '' else std.toString(part.status);
  local taken = [part for part in parts if statusOf(part) == '0'];
  local failed = [part for part in parts if statusOf(part) != '0'];
  if parts == [] then null
  else if failed == [] then { id: [std.get(part, 'message-id') for part in taken] }
  else
    local code = statusOf(failed[0]);
    local text = std.get(failed[0], 'error-text', '');
    // A delay stands in the text, in milliseconds: "please wait [ 250 ] and retry".
    local after = std.split(text, 'please wait [');
    local wait = if std.length(after) > 1 then std.trim(std.split(after[1], ']')[0]) else '';
    if taken != [] then {
      // To send it again would repeat the parts that were taken.
      outcome: 'accepted',
      id: [std.get(part, 'message-id') for part in taken],
      code: code,
      warning: '%d of %d parts were refused: %s' % [std.length(failed), std.length(parts), text],
    } else {
      // A refusal that nobody knows counts as a try.
      class: std.get(std.get(res.errors, code, {}), 'class', if res.status < 300 then 'gateway_error'),
      code: code,
      message: text,
      retry_after: if wait != '' && std.stripChars(wait, '0123456789') == '' then std.parseInt(wait) / 1000,
    }
