-- Rulings on records, batch by batch: what was ruled, and the salted commitments of the records in their order. One
-- shape, as the nouns of the first migration.

CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE batch_parts (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE INDEX batches_belong ON batches (belongs, id);
CREATE INDEX batch_parts_belong ON batch_parts (belongs, id);
