-- Distinct bots per channel over both months, by scan.
SELECT channel, count(DISTINCT bot) AS bots FROM sightings GROUP BY channel ORDER BY channel
