local object(value) = if std.isObject(value) then value else {};
local list(value) = if std.isArray(value) then [e for e in value if std.isObject(e)] else [];
local text(value) = if std.isString(value) then value else '';

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

local groups = { ACCEPTED: 0, OK: 0, PENDING: 1, UNDELIVERABLE: 2, DELIVERED: 3, EXPIRED: 4, REJECTED: 5 };
local ours = ['sent', 'sent', 'undelivered', 'delivered', 'expired', 'rejected'];

// The group and the id decide, as a name may sound final and is not.
local statusOf(status) =
  local id = std.get(status, 'id');
  local given = std.get(status, 'groupId');
  local group = if std.isNumber(given) then given else std.get(groups, text(std.get(status, 'groupName')), -1);
  if id == 2 then 'sent'  // it is with the operator
  else if id == 87 then 'rejected'  // it was blocked as likely fraud
  else if group >= 0 && group < 6 then ours[group];

local receipt(report, errors) =
  local status = object(std.get(report, 'status'));
  local fault = object(std.get(report, 'error'));
  local is = statusOf(status);
  local failed = is != null && is != 'sent' && is != 'delivered';
  local name = text(std.get(status, 'name'));
  local faultName = text(std.get(fault, 'name'));
  local code = if faultName != '' && faultName != 'NO_ERROR' then faultName else name;
  local known = std.get(errors, std.asciiUpper(code), knownOf(errors, status));
  local ended = std.get(known, 'status');
  {
    id: std.get(report, 'messageId'),
    reference: std.get(report, 'callbackData'),
    status: if failed && ended != null then ended else is,
    class: if failed then std.get(known, 'class'),
    code: if failed && code != '' then code,
    message: if failed then std.get(fault, 'description', std.get(status, 'description')),
    at: std.get(report, 'doneAt'),
  };

function(req)
  [receipt(report, req.errors) for report in list(std.get(object(req.json), 'results'))]
