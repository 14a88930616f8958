-- A table that has no file yet is empty, on every engine.
SELECT (SELECT count(*) FROM http) AS pages, (SELECT count(*) FROM tls WHERE ja3 IS NOT NULL) AS hellos
