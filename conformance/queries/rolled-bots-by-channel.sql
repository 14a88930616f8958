-- The same from roll-ups: bitmaps of different periods are counted apart.
SELECT channel, bots(period, bots) AS bots FROM sighting_days GROUP BY channel ORDER BY channel
