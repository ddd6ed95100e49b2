function(ctx) [ctx.recipient, 1]
