// Telnyx knows no references of ours: only a message whose id arrived can be asked for.
function(ctx) if ctx.gateway_message_id != '' then { path: '/v2/messages/' + ctx.gateway_message_id }
