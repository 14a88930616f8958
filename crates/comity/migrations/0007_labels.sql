-- Labels: who or what says of which categories an exhibit is. Rows are added, and go with their exhibit when it is erased.
-- One shape, as the nouns of the first migration.

CREATE TABLE labels (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE INDEX labels_belong ON labels (belongs, id);
