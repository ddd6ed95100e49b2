function(res)
  local batches = if std.isObject(res.json) then std.get(res.json, 'batches') else null;
  local list = if std.isArray(batches) then batches else error 'the answer is no list of batches';
  local ours = [batch for batch in list if std.get(batch, 'client_reference') == res.ctx.id];
  if ours != [] then {
    id: std.get(ours[0], 'id'),
    status: if std.get(ours[0], 'canceled', false) == true then 'canceled',
  }
