function(ctx) {
  path: '/xms/v1/' + ctx.params.service_plan_id + '/batches',
  query: { client_reference: ctx.id, [if ctx.created_at != null then 'start_date']: ctx.created_at },
}
