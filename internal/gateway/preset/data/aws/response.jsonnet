// Every fault of the caller's is a 400, throttling and wrong keys too: the type and the reason decide.
// What is null is as if it were left out.
local get(object, name, default) = local value = std.get(object, name); if value == null then default else value;

function(res)
  local json = if std.isObject(res.json) then res.json else {};
  local given = get(json, '__type', std.get(res.headers, 'x-amzn-errortype', ''));
  local parts = std.split(std.split(std.toString(given), ':')[0], '#');
  local type = parts[std.length(parts) - 1];
  local reason = get(json, 'Reason', '');
  local fields = std.get(json, 'Fields', []);
  local field = if std.isArray(fields) && std.length(fields) > 0 then get(fields[0], 'Name', '') else '';
  // A field that is wrong says more than that something is.
  local byField = {
    DestinationPhoneNumber: 'invalid_destination', MessageBody: 'message_too_long', OriginationIdentity: 'invalid_sender',
    ConfigurationSetName: 'bad_request', MessageType: 'bad_request', TimeToLive: 'bad_request', ProtectConfigurationId: 'bad_request',
  };
  local byResource = { 'phone-number': 'invalid_sender', 'sender-id': 'invalid_sender', pool: 'invalid_sender' };
  local resource = get(json, 'ResourceType', '');
  if res.status < 300 && type == '' then { id: std.get(json, 'MessageId') }
  else {
    class: if type == 'ValidationException' && field in byField then byField[field]
           else if type == 'ResourceNotFoundException' && resource in byResource then byResource[resource]
           else if reason in res.errors then res.errors[reason].class
           else if type in res.errors && reason == '' then res.errors[type].class
           // A reason that is not in the table: of the caller's input the status decides, else the type.
           else if type in res.errors && type != 'ValidationException' then res.errors[type].class,
    code: if reason != '' then reason else if type != '' then type,
    message: get(json, 'Message', std.get(json, 'message')),
  }
