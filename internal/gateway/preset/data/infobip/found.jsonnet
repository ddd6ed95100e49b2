function(res)
  local ours = ['sent', 'sent', 'undelivered', 'delivered', 'expired', 'rejected'];
  local json = if std.isObject(res.json) then res.json else error 'the answer is no log';
  // What was refused may be sent again.
  local taken = [log for log in std.get(json, 'results', []) if std.get(std.get(log, 'status', {}), 'groupId') != 5];
  if taken == [] then null
  else
    local status = std.get(taken[0], 'status', {});
    local group = std.get(status, 'groupId', 0);
    local fault = std.get(std.get(taken[0], 'error', {}), 'name', '');
    local name = std.get(status, 'name', '');
    local failed = group == 2 || group == 4;
    {
      id: std.get(taken[0], 'messageId'),
      status: if std.get(status, 'id') == 2 then 'sent' else ours[group],
      code: if failed then (if fault != '' && fault != 'NO_ERROR' then fault else name),
      at: std.get(taken[0], 'doneAt'),
    }
