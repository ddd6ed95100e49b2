function(ctx) { to: ctx.nope }
