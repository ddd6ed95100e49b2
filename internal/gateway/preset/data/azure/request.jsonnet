function(ctx) {
  from: ctx.from,
  smsRecipients: [{ to: ctx.to }],
  message: ctx.body,
  smsSendOptions: { enableDeliveryReport: true, tag: ctx.id },
}
