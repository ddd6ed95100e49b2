function(ctx) {
  from: ctx.from,
  to: ctx.to,
  content: ctx.body,
  request_id: ctx.id,
}
