SELECT ${columns}, event_date
FROM (
    SELECT
        ${columns},
        event_date,
        row_number() OVER (
            -- an event's date follows from its time, so naming it here only lets dates be pruned
            PARTITION BY event_date, ${event_id}
            ORDER BY ingested_at, shard_id, length(sequence_number), sequence_number, subsequence_number
        ) AS delivery
    FROM ${event_type}
)
WHERE delivery = 1
