local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  message_type: 'text',
  channel: 'sms',
  to: ctx.to_msisdn,
  from: std.lstripChars(ctx.from, '+'),
  text: ctx.body,
  client_ref: ctx.id,
  [if ctx.receipt_url != '' then 'webhook_url']: ctx.receipt_url,
  // In seconds.
  [if ctx.expires_in != null then 'ttl']: within(ctx.expires_in, 20, 604800),
}
