// What a recipient's status is called, where it has no code or there is no recipient at all.
local names = {
  RiskHold: '401', InvalidSenderId: '402', InvalidPhoneNumber: '403', UnsupportedNumberType: '404', InsufficientBalance: '405',
  UserInBlacklist: '406', CouldNotRoute: '407', DoNotDisturbRejection: '409', InternalServerError: '500', GatewayError: '501',
  RejectedByGateway: '502',
};

function(res)
  local object(value) = if std.isObject(value) then value else {};
  local data = object(std.get(object(res.json), 'SMSMessageData'));
  local recipients = std.get(data, 'Recipients', []);
  local first = if std.isArray(recipients) && std.length(recipients) > 0 then object(recipients[0]) else {};
  local summary = std.toString(std.get(data, 'Message', ''));
  local name = std.toString(std.get(first, 'status', std.trim(summary)));
  local code =
    if res.status >= 300 then ''
    else if std.get(first, 'statusCode') != null then std.toString(first.statusCode)
    else std.get(names, name, '');
  local taken = std.member(['100', '101', '102'], code) || code == '' && name == 'Success';
  local id = std.get(first, 'messageId');
  local text = std.asciiLower(res.text);
  {
    id: if taken && id != 'None' then id,
    class:
      if res.status < 300 && data != {} && !taken then std.get(std.get(res.errors, code, {}), 'class', 'gateway_error')
      else if std.member([404, 405, 406, 415], res.status) then 'bad_request'
      else if res.status == 400 && std.member(text, 'missing required') then 'bad_request',
    code: if !taken && code != '' then code,
    message: if taken then null else if data == {} then null else if std.get(first, 'status') != null then name else summary,
  }
