-- Hosts by how many different names that do not exist they asked for.
SELECT client, count(DISTINCT query) AS names FROM dns WHERE rcode = 'NXDOMAIN' AND client IN (SELECT source FROM flows)
GROUP BY client HAVING count(DISTINCT query) >= 10 ORDER BY names DESC, client
