-- Hours of the day in New York by the share of their flights that were cancelled, the worst first
WITH departures AS (
    SELECT
        -- the column holds UTC; all origins are New York's airports
        hour(at_timezone(with_timezone(scheduled_departure, 'UTC'), 'America/New_York')) AS local_hour,
        departure IS NULL AS cancelled
    FROM ${database}.flight
)
SELECT
    local_hour,
    count(*) AS scheduled,
    count_if(cancelled) AS cancelled,
    -- a double: the quotient of decimals keeps the one digit of 100.0
    round(100e0 * count_if(cancelled) / count(*), 2) AS cancelled_percent
FROM departures
GROUP BY local_hour
ORDER BY cancelled_percent DESC, local_hour
