local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  api_key: ctx.params.api_key,
  api_secret: ctx.params.api_secret,
  to: ctx.to_msisdn,
  from: std.lstripChars(ctx.from, '+'),
  text: ctx.body,
  [if ctx.encoding == 'ucs2' then 'type']: 'unicode',
  'client-ref': ctx.id,
  [if ctx.receipt_url != '' then 'callback']: ctx.receipt_url,
  // In milliseconds.
  [if ctx.expires_in != null then 'ttl']: within(ctx.expires_in * 1000, 20000, 604800000),
}
