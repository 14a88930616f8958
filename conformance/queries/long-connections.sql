-- Connections that stayed open longest, by remote.
SELECT remote, remote_port, count(*) AS calls, max(duration_us) AS longest, sum(sent) AS sent
FROM flows WHERE duration_us IS NOT NULL GROUP BY remote, remote_port ORDER BY longest DESC, remote LIMIT 12
