// Codes are hexadecimal. The last two digits 00 to 0F mean the same whatever comes before.
local known(errors, given) =
  local code = if std.startsWith(given, '0x') then '0x' + std.asciiUpper(given[2:]) else given;
  local general = if std.startsWith(code, '0x') && std.length(code) == 6 && code[4:5] == '0' then '0x00' + code[4:] else '';
  std.get(errors, code, std.get(errors, general, {}));

function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local failed = res.status >= 400;
  local code = if failed && std.isString(std.get(json, 'code')) then json.code else '';
  local message = if std.isString(std.get(json, 'message')) then json.message else '';
  local variables = if std.isArray(std.get(json, 'variables')) then json.variables else [];
  local filled = std.foldl(
    function(text, i) std.strReplace(text, '%' + (i + 1), if std.isString(variables[i]) then variables[i] else ''),
    std.mapWithIndex(function(i, variable) i, variables), message
  );
  local class = std.get(known(res.errors, code), 'class');
  {
    id: if !failed then std.get(json, 'ids'),
    class:
      if class == 'bad_request' && std.member(std.asciiLower(message), 'msisdn') then 'invalid_destination'
      else if class != null then class
      else if std.member([404, 405, 415, 422], res.status) then 'bad_request',
    code: if code != '' then code,
    message: if failed && message != '' then filled,
  }
