local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  To: ctx.to,
  Body: ctx.body,
  [if ctx.params.messaging_service_sid == null then 'From']: ctx.from,
  [if ctx.params.messaging_service_sid != null then 'MessagingServiceSid']: ctx.params.messaging_service_sid,
  [if ctx.receipt_url != '' then 'StatusCallback']: ctx.receipt_url,
  [if ctx.expires_in != null then 'ValidityPeriod']: within(ctx.expires_in, 1, 36000),
}
