-- How PostgreSQL keeps the tables. Each message is written three times, so a page
-- keeps room for the next version of its rows, and the dead ones are taken away
-- often and in small numbers instead of seldom and in large ones.
ALTER TABLE courier.message SET (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
ALTER TABLE courier.attempt SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

-- A few rows that are written at all times: one page, most of it room for new
-- versions, which then touch no index.
ALTER TABLE courier.tally SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE courier.node SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE courier.duty SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE courier.probe SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- A table that is empty as a rule, and is looked into with each outcome.
ALTER TABLE courier.parked SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
