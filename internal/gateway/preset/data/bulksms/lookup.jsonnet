// The same as in the request.
local reference(id) = std.strReplace(id, '-', '')[12:];

function(ctx) { path: '/v1/messages', query: { filter: 'userSuppliedId=' + reference(ctx.id) } }
