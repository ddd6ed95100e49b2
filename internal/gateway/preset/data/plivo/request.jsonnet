local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  [if ctx.params.powerpack_uuid == null then 'src']: ctx.from,
  [if ctx.params.powerpack_uuid != null then 'powerpack_uuid']: ctx.params.powerpack_uuid,
  dst: ctx.to_msisdn,
  text: ctx.body,
  [if ctx.receipt_url != '' then 'url']: ctx.receipt_url,
  [if ctx.receipt_url != '' then 'method']: 'POST',
  [if ctx.expires_in != null then 'message_expiry']: within(ctx.expires_in, 5, 10799),
}
