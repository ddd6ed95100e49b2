// The longest validity is the default too.
local days3 = 3 * 24 * 60 * 60;

function(ctx) {
  to: [ctx.to_msisdn],
  body: ctx.body,
  client_reference: ctx.id,
  [if ctx.from != '' then 'from']: ctx.from,
  [if ctx.receipt_url != '' then 'delivery_report']: 'per_recipient',
  [if ctx.receipt_url != '' then 'callback_url']: ctx.receipt_url,
  [if ctx.expires_in != null && ctx.expires_in > 0 && ctx.expires_in < days3 then 'expire_at']: ctx.expires_at,
}
