-- Recapture: of the bots of a day, how many were seen on the next one.
WITH seen AS (SELECT DISTINCT utc_day(event) AS day, bot FROM sightings)
SELECT a.day, count(DISTINCT a.bot) AS bots, count(b.bot) AS again
FROM seen a LEFT JOIN seen b ON a.bot = b.bot AND b.day = a.day + 1
GROUP BY a.day ORDER BY a.day
