-- What ledgers have shown. Rules as in 0001_first.sql.

-- Heads of partners' ledgers, shown here under their signature or joined to one by proof (then without checkpoint).
CREATE TABLE heads (
    origin TEXT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, partner TEXT NOT NULL, shown_at BIGINT NOT NULL,
    heard_at BIGINT NOT NULL, checkpoint TEXT NOT NULL, PRIMARY KEY (origin, size)
);
CREATE INDEX heads_by_partner ON heads (partner, size);

-- Two-faced ledgers. Until a person says why, nothing of the partner is taken in.
CREATE TABLE head_alarms (
    id TEXT NOT NULL PRIMARY KEY, partner TEXT NOT NULL, at BIGINT NOT NULL, why TEXT NOT NULL, exhibit TEXT NOT NULL,
    answered_at BIGINT, person TEXT, reason TEXT
);
CREATE INDEX head_alarms_by_partner ON head_alarms (partner, id);

-- Our own checkpoints that somebody was told of, what each partner was told, and who cosigned.
CREATE TABLE checkpoints (size BIGINT NOT NULL PRIMARY KEY, root TEXT NOT NULL, at BIGINT NOT NULL, checkpoint TEXT NOT NULL);
CREATE TABLE told (
    partner TEXT NOT NULL, size BIGINT NOT NULL, at BIGINT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (partner, message)
);
CREATE INDEX told_by_size ON told (partner, size);
CREATE TABLE cosignatures (
    size BIGINT NOT NULL, witness TEXT NOT NULL, at BIGINT NOT NULL, line TEXT NOT NULL, PRIMARY KEY (size, witness)
);
