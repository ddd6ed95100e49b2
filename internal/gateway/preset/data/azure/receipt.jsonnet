// Event Grid sends a list of events; before the first it wants its code back.
function(req)
  local events = if std.isArray(req.json) then req.json else if std.isObject(req.json) then [req.json] else [];
  local kind(event) = std.get(event, 'eventType', '');
  local handshakes = [event for event in events if kind(event) == 'Microsoft.EventGrid.SubscriptionValidationEvent'];
  local statuses = { Delivered: 'delivered', Failed: 'undelivered' };
  local receipt(event) =
    local data = std.get(event, 'data', {});
    local details = std.get(data, 'deliveryStatusDetails', '');
    local code = if std.isString(details) then std.split(details, ':')[0] else '';
    local known = std.get(req.errors, code, {});
    {
      id: std.get(data, 'messageId'),
      reference: std.get(data, 'Tag', std.get(data, 'tag')),
      status: std.get(statuses, std.get(data, 'deliveryStatus', '')),
      class: std.get(known, 'class'),
      code: if code != '' then code,
      message: if std.isString(details) && details != '' then details,
      at: std.get(data, 'receivedTimestamp'),
    };
  if std.length(handshakes) > 0 then
    { receipts: [], reply: { status: 200, body: { validationResponse: handshakes[0].data.validationCode } } }
  else [receipt(event) for event in events if kind(event) == 'Microsoft.Communication.SMSDeliveryReportReceived']
