function(req)
  local statuses = ['sent', 'delivered', 'undelivered', 'rejected', 'expired', 'canceled', 'unknown'];
  local list = if std.isArray(req.json) then req.json else [req.json];
  local fits(r) =
    std.isObject(r) && std.member(statuses, std.get(r, 'status')) && (std.get(r, 'id') != null || std.get(r, 'reference') != null);
  // Whose answer named no id knows the message by ours.
  local receipt(r) = {
    id: std.get(r, 'id'),
    reference: if std.get(r, 'reference') != null then r.reference else r.id,
    status: r.status,
    class: std.get(r, 'class'),
    code: std.get(r, 'code'),
    message: std.get(r, 'message'),
    at: std.get(r, 'at'),
  };
  if std.all([fits(r) for r in list]) then [receipt(r) for r in list]
  else {
    receipts: [],
    reply: { status: 400, body: { detail: 'each receipt needs id or reference, and a status: ' + std.join(', ', statuses) } },
  }
