// The last attempt, or one that was under way when the courier was killed.
function(ctx) {
  path: '/sms/3/logs',
  query: { messageId: ctx.id + '-' + (ctx.attempt - 1) + ',' + ctx.id + '-' + ctx.attempt },
}
