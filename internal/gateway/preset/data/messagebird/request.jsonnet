function(ctx) {
  originator: ctx.from,
  recipients: [ctx.to_msisdn],
  body: ctx.body,
  // Without a reference no receipts come.
  reference: ctx.id,
  [if ctx.encoding != 'gsm7' then 'datacoding']: 'unicode',
  [if ctx.receipt_url != '' then 'reportUrl']: ctx.receipt_url,
  [if ctx.expires_in != null then 'validity']: if ctx.expires_in < 1 then 1 else ctx.expires_in,
}
