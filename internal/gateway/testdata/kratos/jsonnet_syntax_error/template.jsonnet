function(ctx) { to: 
