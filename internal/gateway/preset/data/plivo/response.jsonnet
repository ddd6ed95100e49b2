local names(text, parameter) = std.length(std.findSubstr(parameter, text)) > 0;

// A refusal has no code: its text says what it is about, mostly by the name of the parameter.
local refusal(text) =
  if names(std.asciiLower(text), 'credit') || names(std.asciiLower(text), 'balance') then 'insufficient_credit'
  else if names(text, 'text') && (names(text, 'long') || names(text, 'length')) then 'message_too_long'
  else if names(text, 'dst') then 'invalid_destination'
  else if names(text, 'src') || names(text, 'powerpack') then 'invalid_sender';

function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local given = std.get(json, 'message_uuid');
  local ids = if std.isArray(given) then given else [];
  local refused = std.get(json, 'invalid_number');
  local text = std.get(json, 'error');
  if res.status >= 300 then {
    class: if res.status == 400 && std.isString(text) then refusal(text),
    message: text,
  }
  // Numbers that are none may be named in an answer of success.
  else if ids == [] && std.isArray(refused) && refused != [] then
    { class: 'invalid_destination', message: std.get(json, 'message') }
  else { id: if ids != [] then ids[0] }
