function(ctx) {
  recipients: [ctx.to],
  message: ctx.body,
  [if ctx.params.sim_subscription_id != null then 'simSubscriptionId']: std.parseInt(ctx.params.sim_subscription_id),
}
