function(ctx) { To: ctx.recipient, O: { a: "b" } }
