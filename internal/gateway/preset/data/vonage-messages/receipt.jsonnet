local object(value) = if std.isObject(value) then value else {};
local text(value) = if std.isString(value) then value else '';

function(req)
  local statuses = {
    submitted: 'sent', delivered: 'delivered', read: 'delivered', rejected: 'rejected', undeliverable: 'undelivered',
  };
  local json = object(req.json);
  local fault = object(std.get(json, 'error'));
  // The code is the title, where that is a number, or else the end of the type's address;
  // older accounts have it as code.
  local older = std.get(fault, 'code');
  local title = std.toString(if older != null then older else std.get(fault, 'title', ''));
  local type = std.split(text(std.get(fault, 'type')), '#');
  local code =
    if title != '' && std.stripChars(title, '0123456789') == '' then title
    else if std.length(type) > 1 then type[1]
    else '';
  local known = std.get(req.errors, code, {});
  local status = std.get(statuses, text(std.get(json, 'status')));
  local ended = std.get(known, 'status');
  {
    id: std.get(json, 'message_uuid'),
    reference: std.get(json, 'client_ref'),
    status: if ended != null && (status == 'undelivered' || status == 'rejected') then ended else status,
    class: std.get(known, 'class'),
    code: if code != '' then code,
    message: std.get(fault, 'detail', std.get(fault, 'reason', std.get(known, 'means'))),
    at: std.get(json, 'timestamp'),
  }
