-- The same by scan, across the border of two months.
SELECT count(DISTINCT channel) AS channels, count(DISTINCT bot) AS bots, count(*) AS sightings
FROM sightings WHERE utc_day(event) BETWEEN 20480 AND 20486 AND place IN ('DE', 'BR')
