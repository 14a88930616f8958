-- The same from roll-ups.
SELECT day, channel, place, bots(period, bots) AS bots
FROM sighting_days GROUP BY day, channel, place ORDER BY day, channel, place
