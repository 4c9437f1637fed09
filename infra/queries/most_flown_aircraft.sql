-- The ten aircraft with the most miles flown
SELECT
    tail_number,
    count(*) AS flights,
    sum(distance) AS miles
FROM ${database}.flight
WHERE departure IS NOT NULL AND tail_number IS NOT NULL
GROUP BY tail_number
ORDER BY sum(distance) DESC, tail_number
LIMIT 10
