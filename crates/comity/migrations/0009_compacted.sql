-- Small telemetry files put together: which exhibit's part lies in which file now, and under which path it lay before.

CREATE TABLE compacted (
    exhibit TEXT NOT NULL, tbl TEXT NOT NULL, part BIGINT NOT NULL, was TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (exhibit, tbl, part)
);
CREATE INDEX compacted_by_path ON compacted (path);
