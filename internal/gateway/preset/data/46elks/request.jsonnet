function(ctx) {
  from: ctx.from,
  to: ctx.to,
  message: ctx.body,
  [if ctx.receipt_url != '' then 'whendelivered']: ctx.receipt_url,
}
