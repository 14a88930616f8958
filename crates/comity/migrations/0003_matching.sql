-- Private matching: the sessions a home asked or answered, and the sets it prepared. Never an item. One shape, as the nouns
-- of the first migration.

CREATE TABLE matches (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE prepared (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE INDEX matches_belong ON matches (belongs, id);
CREATE INDEX prepared_belong ON prepared (belongs, id);
