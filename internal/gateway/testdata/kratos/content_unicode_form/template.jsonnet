function(ctx) {
  To: ctx.recipient,
  From: "+15005550006",
  Body: ctx.body,
}
