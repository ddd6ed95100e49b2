// The id of a message is ours. The path is that of the server, as for sending.
function(ctx)
  local parts = std.splitLimit(std.split(ctx.params.server, '://')[1], '/', 1);
  local prefix = if std.length(parts) > 1 && parts[1] != '' then '/' + std.rstripChars(parts[1], '/') else '';
  { path: prefix + '/messages/' + ctx.id }
