-- +goose Up

-- One process holds the file, so the sessions of visitors are kept in its memory; the
-- other engine has a table here.
SELECT 1;

-- +goose Down

SELECT 1;
