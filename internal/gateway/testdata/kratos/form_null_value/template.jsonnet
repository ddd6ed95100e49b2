function(ctx) { To: ctx.recipient, X: null }
