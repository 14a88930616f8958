-- What is declared under agreements, and what passed under their clauses. Rows are added and never changed.

-- Signed statements: changes of state, accessions and opt-outs, emergencies, delegations, revocations, mandates.
CREATE TABLE statements (
    id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, agreement TEXT NOT NULL, at BIGINT NOT NULL, envelope TEXT NOT NULL
);
CREATE INDEX statements_by_agreement ON statements (agreement, id);

-- One row for each clause that a crossing rests on: what caps over a case, a month and all sessions are counted from.
CREATE TABLE crossings (
    release TEXT NOT NULL, clause TEXT NOT NULL, case_id TEXT NOT NULL, month TEXT NOT NULL, records BIGINT NOT NULL,
    at BIGINT NOT NULL, PRIMARY KEY (release, clause)
);
CREATE INDEX crossings_by_clause ON crossings (clause, case_id, month);
