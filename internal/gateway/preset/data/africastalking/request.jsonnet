function(ctx) {
  username: ctx.params.username,
  to: ctx.to,
  message: ctx.body,
  [if ctx.from != '' then 'from']: ctx.from,
}
