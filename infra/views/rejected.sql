SELECT
    reason,
    detail,
    from_utf8(from_base64(payload)) AS payload,
    payload AS payload_base64,
    CAST(at_timezone(from_unixtime(arrived_at / 1e3), 'UTC') AS timestamp(3)) AS arrived_at,
    CAST(at_timezone(from_unixtime(rejected_at / 1e3), 'UTC') AS timestamp(3)) AS rejected_at,
    shard_id,
    sequence_number,
    subsequence_number,
    arrival_date
FROM ${event_type}_verdicts
UNION ALL
SELECT
    code AS reason,
    message AS detail,
    text AS payload,
    rawdata AS payload_base64,
    CAST(at_timezone(from_unixtime(arrivaltimestamp / 1e3), 'UTC') AS timestamp(3)) AS arrived_at,
    CAST(at_timezone(from_unixtime(attemptendingtimestamp / 1e3), 'UTC') AS timestamp(3)) AS rejected_at,
    json_extract_scalar(origin, '$$.shard_id') AS shard_id,
    coalesce(json_extract_scalar(origin, '$$.sequence_number'), sequencenumber) AS sequence_number,
    coalesce(
        try_cast(json_extract_scalar(origin, '$$.subsequence_number') AS bigint), subsequencenumber
    ) AS subsequence_number,
    arrival_date
FROM (
    SELECT
        *,
        -- a row of the transform says itself where its record stood, a resubmitted record in its mark
        CASE
            WHEN code LIKE 'DataFormatConversion.%' OR code LIKE 'DynamicPartitioning.%' THEN text
            WHEN text LIKE '{"headrace":{%'
                THEN json_format(json_extract(split_part(text, chr(10), 1), '$$.headrace'))
        END AS origin
    FROM (
        SELECT
            *,
            coalesce(errorcode, lasterrorcode) AS code,
            coalesce(errormessage, lasterrormessage) AS message,
            from_utf8(from_base64(rawdata)) AS text
        FROM ${event_type}_errors
    )
)
WHERE code <> 'Lambda.ProcessingFailedStatus'
