local within(value, least, most) = if value < least then least else if value > most then most else value;

function(ctx) {
  messages: [{
    [if ctx.from != '' then 'sender']: std.lstripChars(ctx.from, '+'),
    // With an id of ours for each attempt, by which it can be asked for.
    destinations: [{ to: ctx.to_msisdn, messageId: ctx.id + '-' + ctx.attempt }],
    content: { text: ctx.body },
    // At most 48 hours.
    [if ctx.expires_in != null then 'options']: {
      validityPeriod: { amount: within(ctx.expires_in, 1, 172800), timeUnit: 'SECONDS' },
    },
    [if ctx.receipt_url != '' then 'webhooks']: {
      delivery: { url: ctx.receipt_url },
      contentType: 'application/json',
      callbackData: ctx.id,
    },
  }],
}
