SELECT ${columns}, event_date
FROM ${event_type}_swap AS swap
CROSS JOIN (
    SELECT ${columns}, event_date, compaction_pass FROM ${event_type}_compacted
    UNION ALL
    SELECT ${columns}, event_date, CAST(NULL AS bigint) AS compaction_pass FROM ${event_type}_delivered
) AS stored
WHERE
    CASE
        WHEN compaction_pass IS NULL THEN
            coalesce(
                coalesce(ingested_at, TIMESTAMP '1970-01-01 00:00:00.000')
                > element_at(swap.compacted_until, event_date),
                true
            )
        ELSE compaction_pass <= swap.newest AND NOT contains(swap.hidden, compaction_pass)
    END
