local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  DestinationPhoneNumber: ctx.to,
  MessageBody: ctx.body,
  [if ctx.from != '' then 'OriginationIdentity']: ctx.from,
  [if ctx.params.message_type != null then 'MessageType']: ctx.params.message_type,
  [if ctx.params.configuration_set_name != null then 'ConfigurationSetName']: ctx.params.configuration_set_name,
  [if ctx.expires_in != null then 'TimeToLive']: within(ctx.expires_in, 5, 259200),
}
