-- A range of days, two countries, everything besides by union.
SELECT count(DISTINCT channel) AS channels, bots(period, bots) AS bots, sum(sightings) AS sightings
FROM sighting_days WHERE day BETWEEN 20480 AND 20486 AND place IN ('DE', 'BR')
