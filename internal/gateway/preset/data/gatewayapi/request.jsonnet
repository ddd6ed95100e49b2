function(ctx) {
  message: ctx.body,
  recipients: [{ msisdn: std.parseInt(ctx.to_msisdn) }],
  userref: ctx.id,
  [if ctx.from != '' then 'sender']: std.lstripChars(ctx.from, '+'),
  // Without it characters that are not GSM's are replaced.
  [if ctx.encoding == 'ucs2' then 'encoding']: 'UCS2',
  [if ctx.receipt_url != '' then 'callback_url']: ctx.receipt_url,
  [if ctx.expires_in != null then 'validity_period']: std.max(60, ctx.expires_in),
}
