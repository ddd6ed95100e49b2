function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local failed = res.status >= 400;
  local code = if failed && std.get(json, 'code') != null then std.toString(json.code) else '';
  local text = if std.isString(std.get(json, 'text')) then std.asciiLower(json.text) else '';
  local says(words) = std.any([std.member(text, word) for word in words]);
  // The codes do not say which field is at fault, the text does.
  local class =
    if code == 'syntax_invalid_parameter_format' && says(["'from'", '"from"', 'originator', 'sender']) then 'invalid_sender'
    else if code == 'syntax_constraint_violation' && says(["'body'", '"body"', 'body length', 'too long']) then 'message_too_long'
    else std.get(std.get(res.errors, code, {}), 'class');
  {
    id: if !failed then std.get(json, 'id'),
    class:
      if class != null then class
      else if std.member([404, 405, 415], res.status) then 'bad_request',
    code: if code != '' then code,
    message: std.get(json, 'text'),
  }
