// The names of the ids, for a status whose name is another.
local names = {
  '6': 'REJECTED_NETWORK', '8': 'REJECTED_PREFIX_MISSING', '10': 'REJECTED_DND', '11': 'REJECTED_SOURCE',
  '12': 'REJECTED_NOT_ENOUGH_CREDITS', '13': 'REJECTED_SENDER', '14': 'REJECTED_DESTINATION',
  '17': 'REJECTED_PREPAID_PACKAGE_EXPIRED', '18': 'REJECTED_DESTINATION_NOT_REGISTERED',
  '19': 'REJECTED_ROUTE_NOT_AVAILABLE', '20': 'REJECTED_FLOODING_FILTER', '21': 'REJECTED_SYSTEM_ERROR',
  '23': 'REJECTED_DUPLICATE_MESSAGE_ID', '24': 'REJECTED_INVALID_UDH', '25': 'REJECTED_MESSAGE_TOO_LONG',
  '51': 'MISSING_TO', '52': 'REJECTED_DESTINATION',
};
local knownOf(errors, status) =
  std.get(errors, std.asciiUpper(std.toString(std.get(status, 'name', ''))),
          std.get(errors, std.get(names, std.toString(std.get(status, 'id', '')), ''), {}));

// What is null is as if it were left out.
local get(object, name, default) = local value = std.get(object, name); if value == null then default else value;

function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local messages = get(json, 'messages', []);
  if res.status < 300 then
    if messages == [] then null
    else
      local status = get(messages[0], 'status', {});
      local groups = { UNDELIVERABLE: '2', EXPIRED: '4', REJECTED: '5' };
      local given = std.toString(std.get(status, 'groupId', ''));
      local group = if std.length(given) == 1 then given else std.get(groups, get(status, 'groupName', ''));
      // The groups of an accepted message are 0 (ok), 1 (pending) and 3 (delivered).
      local refused = std.member(['2', '4', '5'], group);
      {
        id: std.get(messages[0], 'messageId'),
        class: if refused then std.get(knownOf(res.errors, status), 'class', 'unroutable'),
        code: if refused then std.get(status, 'name'),
        message: if refused then std.get(status, 'description'),
      }
  else
    // An error has one of two forms.
    local older = get(get(json, 'requestError', {}), 'serviceException', {});
    local code = get(json, 'errorCode', get(older, 'messageId', ''));
    local violations = get(json, 'violations', []);
    local violation = if violations != [] then violations[0] else {};
    local property = get(violation, 'property', '');
    local class = std.get(std.get(res.errors, code, {}), 'class');
    local about =
      if std.length(std.findSubstr('destinations', property)) > 0 then 'invalid_destination'
      else if std.length(std.findSubstr('sender', property)) > 0 then 'invalid_sender';
    {
      class: if class == null && res.status == 400 then about else class,
      code: if code != '' then code,
      message: get(violation, 'violation', get(json, 'description', std.get(older, 'text'))),
    }
