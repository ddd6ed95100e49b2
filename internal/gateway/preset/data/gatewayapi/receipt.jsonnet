// Codes are hexadecimal. The last two digits 00 to 0F mean the same whatever comes before.
local known(errors, given) =
  local code = if std.startsWith(given, '0x') then '0x' + std.asciiUpper(given[2:]) else given;
  local general = if std.startsWith(code, '0x') && std.length(code) == 6 && code[4:5] == '0' then '0x00' + code[4:] else '';
  std.get(errors, code, std.get(errors, general, {}));

local text(value) = if std.isString(value) then value else '';

function(req)
  local statuses = {
    SCHEDULED: 'sent', BUFFERED: 'sent', ENROUTE: 'sent', DELIVERED: 'delivered', EXPIRED: 'expired', DELETED: 'canceled',
    // The network took the message in the recipient's place: no more will be heard.
    ACCEPTED: 'sent',
    UNDELIVERABLE: 'undelivered', REJECTED: 'rejected', SKIPPED: 'rejected', UNKNOWN: 'unknown',
  };
  // Where receipts are signed, the token is the receipt: nothing vouches for the body.
  local receipt = if req.claims != null then req.claims else if std.isObject(req.json) then req.json else {};
  local code = if std.isString(std.get(receipt, 'code')) then receipt.code else '';
  local found = known(req.errors, code);
  local message = std.get(receipt, 'error');
  {
    id: std.get(receipt, 'id'),
    reference: std.get(receipt, 'userref'),
    status: std.get(statuses, text(std.get(receipt, 'status'))),
    class: std.get(found, 'class'),
    code: if code != '' then code,
    message: if message != null then message else std.get(found, 'means'),
    at: std.get(receipt, 'time'),
  }
