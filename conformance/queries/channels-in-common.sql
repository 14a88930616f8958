-- Bots by how many channels they were seen on; those that carry an id of their own.
WITH per_bot AS (SELECT bot, count(DISTINCT channel) AS channels FROM sightings WHERE bot <> source GROUP BY bot)
SELECT channels, count(*) AS bots FROM per_bot GROUP BY channels ORDER BY channels
