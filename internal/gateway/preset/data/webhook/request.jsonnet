function(ctx) {
  id: ctx.id,
  to: ctx.to,
  from: ctx.from,
  body: ctx.body,
  encoding: ctx.encoding,
  segments: ctx.segments,
  expires_at: ctx.expires_at,
  attempt: ctx.attempt,
  receipt_url: ctx.receipt_url,
  metadata: ctx.metadata,
}
