-- Bots by the first day on which they were seen, with the sum so far.
WITH first AS (SELECT bot, min(utc_day(event)) AS day FROM sightings GROUP BY bot),
     by_day AS (SELECT day, count(*) AS fresh FROM first GROUP BY day)
SELECT day, fresh, sum(fresh) OVER (ORDER BY day) AS so_far FROM by_day ORDER BY day
