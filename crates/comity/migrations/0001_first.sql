-- Rules: TEXT, BIGINT, DOUBLE PRECISION and BYTEA only; ids are text made by the program; times are UTC microseconds;
-- flags are 0 or 1; JSON rests as text. One text for SQLite and PostgreSQL. Never edited: a change is a new file.

CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE clock (id BIGINT NOT NULL PRIMARY KEY, highest BIGINT NOT NULL);
CREATE TABLE clock_answers (
    id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, highest BIGINT NOT NULL, person TEXT NOT NULL, reason TEXT NOT NULL
);

-- An exhibit stays listed after its erasure, without its names.
CREATE TABLE exhibits (
    id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, compression TEXT NOT NULL, size BIGINT NOT NULL,
    obtained TEXT NOT NULL, sealed_at BIGINT NOT NULL, commitment TEXT NOT NULL, derived_from TEXT, erased_at BIGINT
);
CREATE INDEX exhibits_by_time ON exhibits (sealed_at, id);
CREATE INDEX exhibits_by_kind ON exhibits (kind, id);
CREATE TABLE exhibit_names (
    exhibit TEXT NOT NULL REFERENCES exhibits (id), name TEXT NOT NULL, PRIMARY KEY (exhibit, name)
);

CREATE TABLE custody (
    id TEXT NOT NULL PRIMARY KEY, exhibit TEXT NOT NULL, at BIGINT NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL,
    body TEXT NOT NULL, leaf TEXT NOT NULL
);
CREATE INDEX custody_by_exhibit ON custody (exhibit, id);

CREATE TABLE findings (
    id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, examiner TEXT NOT NULL, version BIGINT NOT NULL,
    confidence BIGINT NOT NULL, reason TEXT NOT NULL, exhibits TEXT NOT NULL, body TEXT NOT NULL, found_at BIGINT NOT NULL,
    refuted_by TEXT, refuted_at BIGINT
);
CREATE INDEX findings_by_kind ON findings (kind, id);
CREATE TABLE finding_exhibits (
    exhibit TEXT NOT NULL REFERENCES exhibits (id), finding TEXT NOT NULL REFERENCES findings (id),
    PRIMARY KEY (exhibit, finding)
);

-- Telemetry consists of the files that stand here.
CREATE TABLE manifest (
    path TEXT NOT NULL PRIMARY KEY, tbl TEXT NOT NULL, exhibit TEXT NOT NULL, part BIGINT NOT NULL, records BIGINT NOT NULL,
    size BIGINT NOT NULL, first_at BIGINT, last_at BIGINT, sha256 TEXT NOT NULL, committed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX manifest_once ON manifest (exhibit, tbl, part);
CREATE INDEX manifest_by_table ON manifest (tbl, path);

-- Leaves on their way to the ledger: first without a place, then with their place, then published.
CREATE TABLE leaves (
    id TEXT NOT NULL PRIMARY KEY, body BYTEA NOT NULL, queued_at BIGINT NOT NULL, place BIGINT, published_at BIGINT
);
CREATE UNIQUE INDEX leaves_by_place ON leaves (place);
CREATE TABLE sequencer (
    id BIGINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, holder TEXT NOT NULL, lease_until BIGINT NOT NULL,
    size BIGINT NOT NULL, published BIGINT NOT NULL
);
INSERT INTO sequencer (id, epoch, holder, lease_until, size, published) VALUES (1, 0, '', 0, 0, 0);

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    attempts BIGINT NOT NULL, turn BIGINT NOT NULL, max_attempts BIGINT NOT NULL, run_at BIGINT NOT NULL, worker TEXT, lease_until BIGINT,
    error TEXT, queued_at BIGINT NOT NULL, ended_at BIGINT
);
CREATE UNIQUE INDEX jobs_once ON jobs (kind, subject);
CREATE INDEX jobs_due ON jobs (state, run_at, id);

-- One shape for what is kept as a whole: what it belongs to, its status, its times, and the thing itself as JSON.
CREATE TABLE threats (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE cases (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE plans (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE packages (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE outcomes (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE agreements (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE releases (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE holds (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE authorities (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE answers (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY, belongs TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT, body TEXT NOT NULL
);
CREATE INDEX threats_belong ON threats (belongs, id);
CREATE INDEX cases_belong ON cases (belongs, id);
CREATE INDEX plans_belong ON plans (belongs, id);
CREATE INDEX packages_belong ON packages (belongs, id);
CREATE INDEX outcomes_belong ON outcomes (belongs, id);
CREATE INDEX agreements_belong ON agreements (belongs, id);
CREATE INDEX releases_belong ON releases (belongs, id);
CREATE INDEX receipts_belong ON receipts (belongs, id);
CREATE INDEX holds_belong ON holds (belongs, id);
CREATE INDEX authorities_belong ON authorities (belongs, id);
CREATE INDEX answers_belong ON answers (belongs, id);
CREATE INDEX people_belong ON people (belongs, id);
