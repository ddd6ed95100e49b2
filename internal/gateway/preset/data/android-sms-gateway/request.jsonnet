function(ctx) {
  // The phone refuses an id that it has, so a repeat is never sent twice.
  id: ctx.id,
  textMessage: { text: ctx.body },
  phoneNumbers: [ctx.to],
  withDeliveryReport: true,
  [if ctx.params.device_id != null then 'deviceId']: ctx.params.device_id,
  [if ctx.params.sim_number != null then 'simNumber']: std.parseInt(ctx.params.sim_number),
  [if ctx.expires_in != null then 'ttl']: if ctx.expires_in < 5 then 5 else ctx.expires_in,
}
