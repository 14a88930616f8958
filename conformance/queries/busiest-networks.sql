-- The three networks with the most bots of each country.
WITH counted AS (SELECT place, network, count(DISTINCT bot) AS bots FROM sightings GROUP BY place, network)
SELECT place, network, bots FROM counted
QUALIFY row_number() OVER (PARTITION BY place ORDER BY bots DESC, network) <= 3 ORDER BY place, bots DESC, network
