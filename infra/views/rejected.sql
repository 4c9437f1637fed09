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
    coalesce(errorcode, lasterrorcode) AS reason,
    coalesce(errormessage, lasterrormessage) AS detail,
    from_utf8(from_base64(rawdata)) AS payload,
    rawdata AS payload_base64,
    CAST(at_timezone(from_unixtime(arrivaltimestamp / 1e3), 'UTC') AS timestamp(3)) AS arrived_at,
    CAST(at_timezone(from_unixtime(attemptendingtimestamp / 1e3), 'UTC') AS timestamp(3)) AS rejected_at,
    -- a row that could not be converted says itself where it came from
    json_extract_scalar(from_utf8(from_base64(rawdata)), '$$.shard_id') AS shard_id,
    coalesce(sequencenumber, json_extract_scalar(from_utf8(from_base64(rawdata)), '$$.sequence_number')) AS sequence_number,
    subsequencenumber AS subsequence_number,
    arrival_date
FROM ${event_type}_errors
WHERE coalesce(errorcode, lasterrorcode) <> 'Lambda.ProcessingFailedStatus'
