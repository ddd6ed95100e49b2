function(ctx) {
  to: ctx.to,
  text: ctx.body,
  [if ctx.from != '' then 'from']: ctx.from,
  foreign_id: ctx.id,
  // Whole minutes, at least one.
  [if ctx.expires_in != null then 'ttl']: if ctx.expires_in < 60 then 1 else std.floor(ctx.expires_in / 60),
}
