-- Distinct bots per day, channel and country, by scan.
SELECT utc_day(event) AS day, channel, place, count(DISTINCT bot) AS bots
FROM sightings GROUP BY utc_day(event), channel, place ORDER BY day, channel, place
