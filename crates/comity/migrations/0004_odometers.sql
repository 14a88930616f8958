-- How much of a data set's privacy is used, over all partners; in millionths of epsilon. What is spent is never given back.
CREATE TABLE odometers (data_set TEXT NOT NULL PRIMARY KEY, spent BIGINT NOT NULL, at BIGINT NOT NULL);
-- One row for each release and data set; `epsilon` is 0 where the answer had been drawn before.
CREATE TABLE spends (
    release TEXT NOT NULL, data_set TEXT NOT NULL, partner TEXT NOT NULL, question TEXT NOT NULL, epsilon BIGINT NOT NULL,
    leaf TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (release, data_set)
);
CREATE INDEX spends_by_set ON spends (data_set, partner);
-- The answer to a question, drawn once: asking again gives the same noise.
CREATE TABLE noisy_answers (question TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL, at BIGINT NOT NULL);
