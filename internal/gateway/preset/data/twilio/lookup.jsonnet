// Twilio keeps no reference of ours: without its id, the messages to this recipient are listed.
function(ctx)
  local messages = '/2010-04-01/Accounts/' + ctx.params.account_sid + '/Messages';
  if ctx.gateway_message_id != '' then { path: messages + '/' + ctx.gateway_message_id + '.json' }
  else { path: messages + '.json', query: { To: ctx.to, PageSize: 50 } }
