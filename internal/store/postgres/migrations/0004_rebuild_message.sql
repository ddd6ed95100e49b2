-- +goose Up

-- What the other engine changes here costs nothing in this one.
SELECT 1;

-- +goose Down

SELECT 1;
