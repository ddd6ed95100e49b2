function(ctx) { To: ctx.recipient, N: 5 }
