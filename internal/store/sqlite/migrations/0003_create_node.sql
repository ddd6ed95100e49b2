-- +goose Up

-- One process holds the file, so the nodes, the housekeeping and the rates that
-- they share are kept in its memory; the other engine has tables here.
SELECT 1;

-- +goose Down

SELECT 1;
