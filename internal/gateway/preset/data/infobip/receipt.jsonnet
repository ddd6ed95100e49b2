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

local groups = { ACCEPTED: '0', OK: '0', PENDING: '1', UNDELIVERABLE: '2', DELIVERED: '3', EXPIRED: '4', REJECTED: '5' };
local ours = { '0': 'sent', '1': 'sent', '2': 'undelivered', '3': 'delivered', '4': 'expired', '5': 'rejected' };
local ids = { DELIVERED_TO_OPERATOR: '2', SIGNALS_BLOCKED: '87' };

// The group and the id decide, as a name may sound final and is not.
local statusOf(status) =
  local given = std.get(status, 'id');
  local id = if given == null then std.get(ids, text(std.get(status, 'name'))) else std.toString(given);
  local group = std.toString(std.get(status, 'groupId', ''));
  if id == '2' then 'sent'  // it is with the operator
  else if id == '87' then 'rejected'  // it was blocked as likely fraud
  else std.get(ours, if group in ours then group else std.get(groups, text(std.get(status, 'groupName')), ''));

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
