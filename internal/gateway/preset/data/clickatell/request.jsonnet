function(ctx) {
  messages: [{
    channel: 'sms',
    to: ctx.to_msisdn,
    content: ctx.body,
    [if ctx.from != '' then 'from']: ctx.from,
    clientMessageId: ctx.id,
  }],
}
