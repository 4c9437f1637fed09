-- Carriers by mean arrival delay, the worst first
SELECT
    carrier,
    count(*) AS departures,
    round(avg(departure_delay), 1) AS mean_departure_delay,
    round(avg(arrival_delay), 1) AS mean_arrival_delay
FROM ${database}.flight
GROUP BY carrier
ORDER BY avg(arrival_delay) DESC, carrier
