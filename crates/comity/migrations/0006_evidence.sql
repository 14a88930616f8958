-- What custody keeps beside the exhibits: erasures under way and done, disclosure schedules, time-stamp tokens. One shape,
-- as the nouns of the first migration.

CREATE TABLE erasures (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE disclosures (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE stamps (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE INDEX erasures_belong ON erasures (belongs, id);
CREATE INDEX disclosures_belong ON disclosures (belongs, id);
CREATE INDEX stamps_belong ON stamps (belongs, id);
CREATE INDEX exhibits_by_origin ON exhibits (derived_from);
CREATE INDEX findings_of_exhibit ON finding_exhibits (finding);
