// Event Grid sends a list of events; before the first it wants its code back.
function(req)
  local events = [event for event in if std.isArray(req.json) then req.json else [req.json] if std.isObject(event)];
  local dataOf(event) = if std.isObject(std.get(event, 'data')) then event.data else {};
  local kind(event) = std.get(event, 'eventType', '');
  local handshakes = [event for event in events if kind(event) == 'Microsoft.EventGrid.SubscriptionValidationEvent'];
  local statuses = { Delivered: 'delivered', Failed: 'undelivered' };
  local receipt(event) =
    local data = dataOf(event);
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
    { receipts: [], reply: { status: 200, body: { validationResponse: std.get(dataOf(handshakes[0]), 'validationCode') } } }
  else [receipt(event) for event in events if kind(event) == 'Microsoft.Communication.SMSDeliveryReportReceived']
