local months = {
  Jan: '01', Feb: '02', Mar: '03', Apr: '04', May: '05', Jun: '06', Jul: '07', Aug: '08', Sep: '09', Oct: '10', Nov: '11', Dec: '12',
};

// Of "Wed, 25 Nov 2026 12:00:00 +0000", what sorts like RFC 3339.
local timeOf(text) =
  local parts = std.split(text, ' ');
  if std.length(parts) < 6 then '' else parts[3] + '-' + std.get(months, parts[2], '') + '-' + parts[1] + 'T' + parts[4];

function(res)
  local statuses = { delivered: 'delivered', read: 'delivered', undelivered: 'undelivered', failed: 'rejected', canceled: 'canceled' };
  local json = if std.isObject(res.json) then res.json else error 'the answer is no message';
  local all = if res.ctx.gateway_message_id != '' then [json] else std.get(json, 'messages');
  local since = std.substr(res.ctx.created_at, 0, 19);
  local same =
    if res.status == 404 then []
    else [m for m in all if std.get(m, 'body') == res.ctx.body && timeOf(std.get(m, 'date_created', '')) >= since];
  if res.status == 404 && res.ctx.gateway_message_id == '' then error 'the account is not known'
  else if same == [] then null
  else {
    id: std.get(same[0], 'sid'),
    status: std.get(statuses, std.get(same[0], 'status', '')),
    class: std.get(std.get(res.errors, std.toString(std.get(same[0], 'error_code', '')), {}), 'class'),
    code: std.get(same[0], 'error_code'),
    message: std.get(same[0], 'error_message'),
  }
