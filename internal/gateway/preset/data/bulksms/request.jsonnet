// A short code is taken for an international number unless it is called one.
local isShort(from) = std.length(from) <= 6 && std.stripChars(from, '0123456789') == '';

// At most 20 characters are taken: the end of the message's id, most of which is random.
local reference(id) = std.strReplace(id, '-', '')[12:];

function(ctx) {
  to: ctx.to,
  body: ctx.body,
  userSuppliedId: reference(ctx.id),
  [if ctx.from != '' then 'from']: if isShort(ctx.from) then { type: 'SHORTCODE', address: ctx.from } else ctx.from,
  [if ctx.encoding == 'ucs2' then 'encoding']: 'UNICODE',
  // Without it a text of more than three parts fails.
  longMessageMaxParts: std.max(3, ctx.segments),
}
