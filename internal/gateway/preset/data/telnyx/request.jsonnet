function(ctx) {
  to: ctx.to,
  text: ctx.body,
  [if ctx.from != '' then 'from']: ctx.from,
  [if ctx.params.messaging_profile_id != null then 'messaging_profile_id']: ctx.params.messaging_profile_id,
  [if ctx.receipt_url != '' then 'webhook_url']: ctx.receipt_url,
}
