function(ctx) { to: ctx.recipient, body: ctx.body }
