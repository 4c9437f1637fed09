"""What analysts ask: each answer is computed a second time, with pandas or plain Python."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import mean, median, stdev
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.local.athena import data
from tests.local.athena.conftest import Athena

Rows = list[tuple[Any, ...]]
ROWS = data.flights()
FLOWN = [row for row in ROWS if not row["cancelled"]]
NAMES = {code: name for code, name, _ in data.CARRIERS}
MEDIAN = int(median(row["distance"] for row in ROWS))
COUNTRIES = {code: country for code, _, country in data.CARRIERS}


def grouped(rows: list[dict[str, Any]], *keys: str) -> dict[Any, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in keys)
        found[key if len(keys) > 1 else key[0]].append(row)
    return dict(sorted(found.items(), key=lambda pair: str(pair[0])))


def cents(value: Decimal, unit: str = "0.01") -> Decimal:
    return value.quantize(Decimal(unit), ROUND_HALF_UP)


def ranked(rows: list[dict[str, Any]]) -> Rows:
    """The two longest flights of each carrier, ties by id."""
    return [
        (carrier, row["flight_id"], at)
        for carrier, found in grouped(rows, "carrier").items()
        for at, row in enumerate(
            sorted(found, key=lambda row: (-row["distance"], row["flight_id"]))[:2], 1
        )
    ]


def sessions() -> Rows:
    """Flights of one tail number that start within a day of the one before are one series."""
    result = []
    for tail, found in grouped([row for row in ROWS if row["tail"]], "tail").items():
        times = sorted(row["scheduled"] for row in found)
        series = 1 + sum(b - a > timedelta(days=1) for a, b in pairwise(times))
        result.append((tail, series))
    return result


def payload(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["payload"]))


def moving() -> Rows:
    counts = [len(rows) for _, rows in data.days()]
    return [(day, sum(counts[max(0, at - 6) : at + 1])) for at, (day, _) in enumerate(data.days())]


def local_hours() -> Rows:
    """Departures by the hour of day in New York."""
    zone = ZoneInfo("America/New_York")
    hours = Counter(
        row["scheduled"].replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).hour for row in ROWS
    )
    return sorted(hours.items())


def months(start: date, end: date) -> int:
    whole = (end.year - start.year) * 12 + end.month - start.month
    return whole - (end.day < start.day)


def pairs() -> Rows:
    routes = Counter((row["origin"], row["dest"]) for row in ROWS)
    return sorted(
        (o, d, count, routes[d, o]) for (o, d), count in routes.items() if o < d and routes[d, o]
    )


CASES: dict[str, tuple[str, Callable[[], Rows]]] = {
    # counting and filtering
    "all rows": ("SELECT count(*) FROM flights", lambda: [(len(ROWS),)]),
    "nulls are not counted": (
        "SELECT count(tail), count(delay), count(*) FROM flights",
        lambda: [
            (
                sum(row["tail"] is not None for row in ROWS),
                sum(row["delay"] is not None for row in ROWS),
                len(ROWS),
            )
        ],
    ),
    "distinct tails of one day": (
        "SELECT count(DISTINCT tail) FROM flights WHERE event_date = '2024-01-09'",
        lambda: [(len({r["tail"] for r in ROWS if r["event_date"] == "2024-01-09"} - {None}),)],
    ),
    "several conditions": (
        "SELECT flight_id FROM flights WHERE carrier IN ('AA', 'LH') AND NOT cancelled "
        "AND delay > 60 AND origin LIKE 'J%' ORDER BY flight_id",
        lambda: sorted(
            (row["flight_id"],)
            for row in FLOWN
            if row["carrier"] in ("AA", "LH") and row["delay"] > 60 and row["origin"][0] == "J"
        ),
    ),
    "null is neither equal nor different": (
        "SELECT count(*) FROM flights WHERE tail <> 'N101'",
        lambda: [(sum(r["tail"] is not None and r["tail"] != "N101" for r in ROWS),)],
    ),
    "is distinct from sees nulls": (
        "SELECT count(*) FROM flights WHERE tail IS DISTINCT FROM 'N101'",
        lambda: [(sum(row["tail"] != "N101" for row in ROWS),)],
    ),
    "between dates in the partition": (
        "SELECT count(*) FROM flights WHERE event_date BETWEEN '2024-01-30' AND '2024-02-02'",
        lambda: [(sum("2024-01-30" <= r["event_date"] <= "2024-02-02" for r in ROWS),)],
    ),
    "top ten by distance": (
        "SELECT flight_id, distance FROM flights ORDER BY distance DESC, flight_id LIMIT 10",
        lambda: [
            (r["flight_id"], r["distance"])
            for r in sorted(ROWS, key=lambda r: (-r["distance"], r["flight_id"]))[:10]
        ],
    ),
    "offset and limit": (
        "SELECT flight_id FROM flights ORDER BY flight_id OFFSET 100 LIMIT 3",
        lambda: [(r["flight_id"],) for r in sorted(ROWS, key=lambda r: r["flight_id"])[100:103]],
    ),
    "nulls come last in both directions": (
        "SELECT * FROM (SELECT DISTINCT tail FROM flights WHERE tail IS NULL OR tail < 'N102') "
        "ORDER BY tail DESC",
        lambda: [
            *sorted({(r["tail"],) for r in ROWS if r["tail"] and r["tail"] < "N102"}, reverse=True),
            (None,),
        ],
    ),
    # aggregation
    "mean delay by carrier": (
        "SELECT carrier, avg(delay) FROM flights GROUP BY carrier ORDER BY carrier",
        lambda: [
            (c, pytest.approx(mean(r["delay"] for r in found)))
            for c, found in grouped(FLOWN, "carrier").items()
        ],
    ),
    "share with one decimal, as decimals divide": (
        "SELECT carrier, 100.0 * count_if(cancelled) / count(*) FROM flights GROUP BY 1 ORDER BY 1",
        lambda: [
            (c, cents(Decimal(100) * sum(r["cancelled"] for r in found) / len(found), "0.1"))
            for c, found in grouped(ROWS, "carrier").items()
        ],
    ),
    "the type of an aggregate is one row": (
        "SELECT typeof(round(avg(delay), 1)), typeof(count(*)) FROM flights",
        lambda: [("double", "bigint")],
    ),
    "the type of an aggregate in every group": (
        "SELECT carrier, typeof(sum(fare)) FROM flights GROUP BY carrier ORDER BY carrier",
        lambda: [(c, "decimal(38,2)") for c in grouped(ROWS, "carrier")],
    ),
    "counts of rows, of values and of a partition column's": (
        "SELECT count(*) c, count(DISTINCT flight_id) d, count(DISTINCT event_date) days "
        "FROM flights",
        lambda: [
            (
                len(ROWS),
                len({r["flight_id"] for r in ROWS}),
                len({r["scheduled"].date() for r in ROWS}),
            )
        ],
    ),
    "share as double": (
        "SELECT carrier, CAST(count_if(cancelled) AS double) / count(*) FROM flights "
        "GROUP BY 1 ORDER BY 1",
        lambda: [
            (c, pytest.approx(sum(r["cancelled"] for r in found) / len(found)))
            for c, found in grouped(ROWS, "carrier").items()
        ],
    ),
    "whole numbers divide to whole numbers": (
        "SELECT sum(distance) / count(*), sum(distance) % count(*) FROM flights",
        lambda: [divmod(sum(r["distance"] for r in ROWS), len(ROWS))],
    ),
    "sum and mean of decimals": (
        "SELECT carrier, sum(fare), avg(fare) FROM flights GROUP BY carrier ORDER BY carrier",
        lambda: [
            (c, sum(r["fare"] for r in found), cents(sum(r["fare"] for r in found) / len(found)))
            for c, found in grouped(ROWS, "carrier").items()
        ],
    ),
    "decimal arithmetic": (
        "SELECT flight_id, fare * 1.19, fare / 3, fare - 0.005 FROM flights "
        "WHERE flight_id = '20240103-002'",
        lambda: [
            (
                r["flight_id"],
                r["fare"] * Decimal("1.19"),
                cents(r["fare"] / 3),
                r["fare"] - Decimal("0.005"),
            )
            for r in ROWS
            if r["flight_id"] == "20240103-002"
        ],
    ),
    "standard deviation": (
        "SELECT origin, stddev(delay), max(delay) - min(delay) FROM flights GROUP BY 1 ORDER BY 1",
        lambda: [
            (o, pytest.approx(stdev(d)), pytest.approx(max(d) - min(d)))
            for o, found in grouped(FLOWN, "origin").items()
            for d in [[r["delay"] for r in found]]
        ],
    ),
    "having": (
        "SELECT tail, count(*) AS flown FROM flights WHERE tail IS NOT NULL GROUP BY tail "
        "HAVING count(*) > 45 ORDER BY flown DESC, tail",
        lambda: sorted(
            (
                (tail, len(found))
                for tail, found in grouped([r for r in ROWS if r["tail"]], "tail").items()
                if len(found) > 45
            ),
            key=lambda pair: (-pair[1], pair[0]),
        ),
    ),
    "approximate percentiles": (
        "SELECT approx_percentile(distance, 0.0), approx_percentile(distance, 1.0), "
        f"abs(approx_percentile(distance, 0.5) - {MEDIAN}) < 60 FROM flights",
        lambda: [(min(r["distance"] for r in ROWS), max(r["distance"] for r in ROWS), True)],
    ),
    "several percentiles at once": (
        "SELECT cardinality(approx_percentile(delay, ARRAY[0.5, 0.9, 0.99])) FROM flights",
        lambda: [(3,)],
    ),
    "max_by and min_by": (
        "SELECT carrier, max_by(flight_id, distance), min_by(flight_id, scheduled) FROM flights "
        "WHERE event_date = '2024-01-05' GROUP BY carrier ORDER BY carrier",
        lambda: [
            (
                c,
                max(found, key=lambda r: r["distance"])["flight_id"],
                min(found, key=lambda r: r["scheduled"])["flight_id"],
            )
            for c, found in grouped(
                [r for r in ROWS if r["event_date"] == "2024-01-05"], "carrier"
            ).items()
        ],
    ),
    "filter on an aggregate": (
        "SELECT count(*) FILTER (WHERE delay > 15), sum(distance) FILTER (WHERE cancelled) "
        "FROM flights",
        lambda: [
            (
                sum(r["delay"] > 15 for r in FLOWN),
                sum(r["distance"] for r in ROWS if r["cancelled"]),
            )
        ],
    ),
    "rollup": (
        "SELECT carrier, origin, count(*), grouping(carrier, origin) FROM flights "
        "GROUP BY ROLLUP (carrier, origin) ORDER BY 4, 1, 2",
        lambda: [
            *((c, o, len(f), 0) for (c, o), f in grouped(ROWS, "carrier", "origin").items()),
            *((c, None, len(f), 1) for c, f in grouped(ROWS, "carrier").items()),
            (None, None, len(ROWS), 3),
        ],
    ),
    "grouping sets": (
        "SELECT carrier, dest, count(*) FROM flights GROUP BY GROUPING SETS ((carrier), (dest)) "
        "ORDER BY carrier, dest",
        lambda: [
            *((c, None, len(f)) for c, f in grouped(ROWS, "carrier").items()),
            *((None, d, len(f)) for d, f in grouped(ROWS, "dest").items()),
        ],
    ),
    "group by an expression": (
        "SELECT hour(scheduled), count(*) FROM flights GROUP BY hour(scheduled) ORDER BY 1",
        lambda: sorted(Counter(r["scheduled"].hour for r in ROWS).items()),
    ),
    "case in a group": (
        "SELECT CASE WHEN delay IS NULL THEN 'none' WHEN delay < 0 THEN 'early' "
        "WHEN delay < 15 THEN 'on time' ELSE 'late' END AS kind, count(*) FROM flights "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        lambda: sorted(
            Counter(
                "none"
                if r["delay"] is None
                else "early"
                if r["delay"] < 0
                else "on time"
                if r["delay"] < 15
                else "late"
                for r in ROWS
            ).items(),
            key=lambda pair: (-pair[1], pair[0]),
        ),
    ),
    "listagg": (
        "SELECT origin, listagg(DISTINCT carrier, '|') WITHIN GROUP (ORDER BY carrier) "
        "FROM flights WHERE event_date = '2024-01-02' GROUP BY origin ORDER BY origin",
        lambda: [
            (o, "|".join(sorted({r["carrier"] for r in found})))
            for o, found in grouped(
                [r for r in ROWS if r["event_date"] == "2024-01-02"], "origin"
            ).items()
        ],
    ),
    "bool_and and bool_or": (
        "SELECT carrier, bool_and(distance > 99), bool_or(delay > 1000) FROM flights "
        "GROUP BY carrier ORDER BY carrier",
        lambda: [(c, True, False) for c in grouped(ROWS, "carrier")],
    ),
    "correlation": (
        "SELECT corr(distance, number) FROM flights",
        lambda: [
            (pytest.approx(data.frame()["distance"].corr(data.frame()["number"].astype(float))),)
        ],
    ),
    # joins
    "join with names": (
        "SELECT c.name, count(*) FROM flights f JOIN carriers c ON f.carrier = c.carrier "
        "GROUP BY c.name ORDER BY 2 DESC, 1",
        lambda: sorted(
            Counter(NAMES[r["carrier"]] for r in ROWS).items(), key=lambda p: (-p[1], p[0])
        ),
    ),
    "left join keeps what has no match": (
        "SELECT c.carrier, count(f.flight_id) FROM carriers c LEFT JOIN flights f "
        "ON f.carrier = c.carrier GROUP BY c.carrier ORDER BY 1",
        lambda: [(code, sum(r["carrier"] == code for r in ROWS)) for code in sorted(NAMES)],
    ),
    "anti join": (
        "SELECT carrier FROM carriers WHERE carrier NOT IN (SELECT carrier FROM flights)",
        lambda: [("QF",)],
    ),
    "exists": (
        "SELECT name FROM carriers c WHERE EXISTS (SELECT 1 FROM flights f "
        "WHERE f.carrier = c.carrier AND f.delay > 90) ORDER BY name",
        lambda: sorted({(NAMES[r["carrier"]],) for r in FLOWN if r["delay"] > 90}),
    ),
    "using": (
        "SELECT carrier, country, count(*) FROM flights JOIN carriers USING (carrier) "
        "GROUP BY carrier, country ORDER BY carrier",
        lambda: [(c, COUNTRIES[c], len(found)) for c, found in grouped(ROWS, "carrier").items()],
    ),
    "self join of routes there and back": (
        "WITH routes AS (SELECT origin, dest, count(*) AS n FROM flights GROUP BY 1, 2) "
        "SELECT a.origin, a.dest, a.n, b.n FROM routes a JOIN routes b "
        "ON a.origin = b.dest AND a.dest = b.origin WHERE a.origin < a.dest ORDER BY 1, 2",
        pairs,
    ),
    "correlated scalar subquery": (
        "SELECT count(*) FROM flights f WHERE delay > (SELECT avg(delay) FROM flights g "
        "WHERE g.carrier = f.carrier)",
        lambda: [
            (
                sum(
                    r["delay"] > mean(x["delay"] for x in found)
                    for found in grouped(FLOWN, "carrier").values()
                    for r in found
                ),
            )
        ],
    ),
    "in with a row of columns": (
        "SELECT count(*) FROM flights WHERE (origin, dest) IN (SELECT 'JFK', 'SFO')",
        lambda: [(sum((r["origin"], r["dest"]) == ("JFK", "SFO") for r in ROWS),)],
    ),
    "union all and intersect": (
        "SELECT origin FROM flights INTERSECT SELECT dest FROM flights ORDER BY 1",
        lambda: sorted({(r["origin"],) for r in ROWS} & {(r["dest"],) for r in ROWS}),
    ),
    "except": (
        "SELECT carrier FROM carriers EXCEPT SELECT carrier FROM flights",
        lambda: [("QF",)],
    ),
    "values as a table": (
        "SELECT v.label, count(*) FROM flights f JOIN (VALUES ('JFK', 'Kennedy'), "
        "('SFO', 'San Francisco')) AS v (code, label) ON f.origin = v.code GROUP BY 1 ORDER BY 1",
        lambda: sorted(
            Counter(
                {"JFK": "Kennedy", "SFO": "San Francisco"}[r["origin"]]
                for r in ROWS
                if r["origin"] in ("JFK", "SFO")
            ).items()
        ),
    ),
    # windows
    "top two of each group": (
        "SELECT carrier, flight_id, place FROM (SELECT carrier, flight_id, row_number() OVER "
        "(PARTITION BY carrier ORDER BY distance DESC, flight_id) AS place FROM flights) "
        "WHERE place <= 2 ORDER BY carrier, place",
        lambda: ranked(ROWS),
    ),
    "moving sum over a week of days": (
        "SELECT event_date, sum(count(*)) OVER (ORDER BY event_date ROWS BETWEEN 6 PRECEDING "
        "AND CURRENT ROW) FROM flights GROUP BY event_date ORDER BY 1",
        moving,
    ),
    "lag to the day before": (
        "WITH d AS (SELECT event_date, count(*) AS n FROM flights GROUP BY 1) SELECT event_date, "
        "n - lag(n) OVER (ORDER BY event_date) FROM d ORDER BY 1 LIMIT 5",
        lambda: [
            (day, None if at == 0 else len(rows) - len(list(data.days())[at - 1][1]))
            for at, (day, rows) in enumerate(list(data.days())[:5])
        ],
    ),
    "share of the total": (
        "SELECT carrier, count(*) * 1e0 / sum(count(*)) OVER () FROM flights GROUP BY 1 ORDER BY 1",
        lambda: [
            (c, pytest.approx(len(f) / len(ROWS))) for c, f in grouped(ROWS, "carrier").items()
        ],
    ),
    "first and last value": (
        "SELECT DISTINCT carrier, first_value(flight_id) OVER w, last_value(flight_id) OVER w "
        "FROM flights WINDOW w AS (PARTITION BY carrier ORDER BY flight_id "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY carrier",
        lambda: [
            (c, min(r["flight_id"] for r in f), max(r["flight_id"] for r in f))
            for c, f in grouped(ROWS, "carrier").items()
        ],
    ),
    "rank of carriers": (
        "SELECT carrier, rank() OVER (ORDER BY sum(distance) DESC) FROM flights "
        "GROUP BY carrier ORDER BY 2",
        lambda: [
            (c, at)
            for at, (c, _) in enumerate(
                sorted(
                    grouped(ROWS, "carrier").items(),
                    key=lambda p: -sum(r["distance"] for r in p[1]),
                ),
                1,
            )
        ],
    ),
    "ntile": (
        "SELECT t, count(*) FROM (SELECT ntile(4) OVER (ORDER BY flight_id) AS t FROM flights) "
        "GROUP BY t ORDER BY t",
        lambda: [(q, len(ROWS) // 4 + (q <= len(ROWS) % 4)) for q in range(1, 5)],
    ),
    "gaps and islands": (
        "SELECT tail, sum(fresh) FROM (SELECT tail, CASE WHEN scheduled - lag(scheduled) OVER "
        "(PARTITION BY tail ORDER BY scheduled) <= INTERVAL '1' DAY THEN 0 ELSE 1 END AS fresh "
        "FROM flights WHERE tail IS NOT NULL) GROUP BY tail ORDER BY tail",
        sessions,
    ),
    # nested values
    "unnest tags": (
        "SELECT tag, count(*) FROM flights CROSS JOIN UNNEST(tags) AS t (tag) GROUP BY 1 "
        "ORDER BY 1",
        lambda: sorted(Counter(tag for r in ROWS for tag in r["tags"]).items()),
    ),
    "unnest with ordinality": (
        "SELECT tag FROM flights, UNNEST(tags) WITH ORDINALITY AS t (tag, place) WHERE place = 2 "
        "AND event_date = '2024-01-01' ORDER BY flight_id",
        lambda: [
            (r["tags"][1],)
            for r in sorted(ROWS, key=lambda r: r["flight_id"])
            if r["event_date"] == "2024-01-01" and len(r["tags"]) > 1
        ],
    ),
    "left join unnest keeps rows without elements": (
        "SELECT count(*), count(tag) FROM flights LEFT JOIN UNNEST(tags) AS t (tag) ON TRUE",
        lambda: [(sum(max(len(r["tags"]), 1) for r in ROWS), sum(len(r["tags"]) for r in ROWS))],
    ),
    "unnest a map": (
        "SELECT class, sum(n) FROM flights CROSS JOIN UNNEST(seats) AS t (class, n) "
        "GROUP BY class ORDER BY class",
        lambda: [(kind, sum(r["seats"][kind] for r in ROWS)) for kind in ("business", "economy")],
    ),
    "fields of a struct": (
        "SELECT crew.captain, sum(crew.pilots) FROM flights f WHERE f.crew.captain IS NOT NULL "
        "GROUP BY crew.captain ORDER BY 1",
        lambda: [
            (captain, sum(r["crew"]["pilots"] for r in found))
            for captain, found in sorted(
                (c, [r for r in ROWS if r["crew"]["captain"] == c])
                for c in ("Ada", "Edsger", "Grace")
            )
        ],
    ),
    "a map's value and what it lacks": (
        "SELECT sum(seats['economy']), count(element_at(seats, 'first')) FROM flights",
        lambda: [(sum(r["seats"]["economy"] for r in ROWS), 0)],
    ),
    "lambdas": (
        "SELECT sum(cardinality(filter(tags, t -> t <> 'meal'))), "
        "sum(reduce(transform(tags, t -> length(t)), 0, (s, x) -> s + x, s -> s)), "
        "count_if(any_match(tags, t -> t = 'full')) FROM flights",
        lambda: [
            (
                sum(t != "meal" for r in ROWS for t in r["tags"]),
                sum(len(t) for r in ROWS for t in r["tags"]),
                sum("full" in r["tags"] for r in ROWS),
            )
        ],
    ),
    "array functions": (
        "SELECT count_if(contains(tags, 'full')), max(cardinality(tags)), "
        "count_if(arrays_overlap(tags, ARRAY['meal', 'full'])) FROM flights",
        lambda: [
            (
                sum("full" in r["tags"] for r in ROWS),
                max(len(r["tags"]) for r in ROWS),
                sum(bool({"meal", "full"} & set(r["tags"])) for r in ROWS),
            )
        ],
    ),
    "rows shown as Athena shows them": (
        "SELECT tags, crew, seats FROM flights WHERE flight_id = '20240101-000'",
        lambda: [
            (
                f"[{', '.join(r['tags'])}]",
                f"{{pilots={r['crew']['pilots']}, captain={r['crew']['captain'] or 'null'}}}",
                f"{{economy={r['seats']['economy']}, business={r['seats']['business']}}}",
            )
            for r in ROWS
            if r["flight_id"] == "20240101-000"
        ],
    ),
    "array_agg in order": (
        "SELECT array_join(array_agg(number ORDER BY number DESC), ',') FROM flights "
        "WHERE event_date = '2024-01-03' AND carrier = 'BA'",
        lambda: [
            (
                ",".join(
                    str(n)
                    for n in sorted(
                        (
                            r["number"]
                            for r in ROWS
                            if r["event_date"] == "2024-01-03" and r["carrier"] == "BA"
                        ),
                        reverse=True,
                    )
                ),
            )
        ],
    ),
    # text, JSON
    "a value out of JSON": (
        "SELECT json_extract_scalar(payload, '$.meal.kind'), count(*) FROM flights "
        "GROUP BY 1 ORDER BY 1",
        lambda: sorted(Counter(payload(r)["meal"]["kind"] for r in ROWS).items()),
    ),
    "numbers out of JSON": (
        "SELECT sum(CAST(json_extract_scalar(payload, '$.bags') AS integer)), "
        "sum(CAST(json_extract(payload, '$.ids[1]') AS bigint)) FROM flights",
        lambda: [(sum(payload(r)["bags"] for r in ROWS), sum(payload(r)["ids"][1] for r in ROWS))],
    ),
    "JSON cast to an array and unnested": (
        "SELECT sum(id) FROM flights CROSS JOIN UNNEST(CAST(json_extract(payload, '$.ids') "
        "AS array(bigint))) AS t (id)",
        lambda: [(sum(sum(payload(r)["ids"]) for r in ROWS),)],
    ),
    "JSON cast to a row": (
        "SELECT max(CAST(json_parse(payload) AS row(gate varchar, bags integer)).bags) "
        "FROM flights",
        lambda: [(max(payload(r)["bags"] for r in ROWS),)],
    ),
    "a regular expression's group": (
        "SELECT regexp_extract(json_extract_scalar(payload, '$.gate'), '([A-Z])(\\d+)', 1), "
        "count(*) FROM flights GROUP BY 1 ORDER BY 1",
        lambda: sorted(Counter(payload(r)["gate"][0] for r in ROWS).items()),
    ),
    "regexp_like and regexp_replace": (
        "SELECT count_if(regexp_like(flight_id, '-0[01]\\d$')), "
        "min(regexp_replace(flight_id, '(\\d{4})(\\d{2})(\\d{2}).*', '$3.$2.$1')) FROM flights",
        lambda: [
            (
                sum(bool(re.search(r"-0[01]\d$", r["flight_id"])) for r in ROWS),
                min(re.sub(r"(\d{4})(\d{2})(\d{2}).*", r"\3.\2.\1", r["flight_id"]) for r in ROWS),
            )
        ],
    ),
    "text functions": (
        "SELECT lower(name), length(name), substr(name, 1, 3), strpos(name, 'a'), "
        "reverse(carrier), upper(country) || '-' || carrier FROM carriers ORDER BY carrier",
        lambda: [
            (name.lower(), len(name), name[:3], name.find("a") + 1, code[::-1], f"{country}-{code}")
            for code, name, country in data.CARRIERS
        ],
    ),
    "split a text": (
        "SELECT DISTINCT split_part(flight_id, '-', 1), cardinality(split(flight_id, '-')) "
        "FROM flights WHERE event_date < '2024-01-03' ORDER BY 1",
        lambda: [("20240101", 2), ("20240102", 2)],
    ),
    # dates and times
    "flights per week": (
        "SELECT date_trunc('week', date(event_date)) AS week, count(*) FROM flights "
        "GROUP BY 1 ORDER BY 1",
        lambda: sorted(
            Counter(
                date.fromisoformat(r["event_date"])
                - timedelta(days=date.fromisoformat(r["event_date"]).weekday())
                for r in ROWS
            ).items()
        ),
    ),
    "day of week and ISO week": (
        "SELECT DISTINCT event_date, day_of_week(date(event_date)), week(date(event_date)), "
        "day_name FROM (SELECT event_date, date_format(date(event_date), '%W') AS day_name "
        "FROM flights) ORDER BY 1",
        lambda: [
            (day, at.isoweekday(), at.isocalendar().week, f"{at:%A}")
            for day, _ in data.days()
            for at in [date.fromisoformat(day)]
        ],
    ),
    "minutes between two times": (
        "SELECT sum(date_diff('minute', scheduled, departed)) FROM flights WHERE NOT cancelled",
        lambda: [
            (sum(int((r["departed"] - r["scheduled"]) / timedelta(minutes=1)) for r in FLOWN),)
        ],
    ),
    "whole months, not boundaries": (
        "SELECT DISTINCT event_date, date_diff('month', DATE '2023-11-15', date(event_date)) "
        "FROM flights ORDER BY 1",
        lambda: [
            (day, months(date(2023, 11, 15), date.fromisoformat(day))) for day, _ in data.days()
        ],
    ),
    "date arithmetic": (
        "SELECT max(date(event_date)) + INTERVAL '1' MONTH, min(scheduled) - INTERVAL '90' MINUTE, "
        "date_add('day', -3, min(date(event_date))) FROM flights",
        lambda: [
            (
                date(2024, 3, 9),
                min(r["scheduled"] for r in ROWS) - timedelta(minutes=90),
                date(2023, 12, 29),
            )
        ],
    ),
    "last days": (
        "SELECT count(*) FROM flights WHERE date(event_date) > "
        "(SELECT max(date(event_date)) FROM flights) - INTERVAL '7' DAY",
        lambda: [(sum(r["event_date"] > "2024-02-02" for r in ROWS),)],
    ),
    "hours in another time zone": (
        "SELECT hour(scheduled AT TIME ZONE 'America/New_York'), count(*) FROM flights "
        "GROUP BY 1 ORDER BY 1",
        local_hours,
    ),
    "formatted times": (
        "SELECT date_format(scheduled, '%Y/%m/%d %H:%i:%s'), "
        "format_datetime(scheduled, 'yyyy-MM-dd HH:mm'), to_unixtime(scheduled) FROM flights "
        "WHERE flight_id = '20240115-003'",
        lambda: [
            (
                f"{r['scheduled']:%Y/%m/%d %H:%M:%S}",
                f"{r['scheduled']:%Y-%m-%d %H:%M}",
                (r["scheduled"] - datetime(1970, 1, 1)).total_seconds(),  # noqa: DTZ001
            )
            for r in ROWS
            if r["flight_id"] == "20240115-003"
        ],
    ),
    "parsed times": (
        "SELECT count(*) FROM flights WHERE date_parse(substr(flight_id, 1, 8), '%Y%m%d') = "
        "from_iso8601_date(event_date)",
        lambda: [(len(ROWS),)],
    ),
    "a calendar that has every day": (
        "SELECT count(*), count(f.event_date) FROM UNNEST(sequence(DATE '2024-01-01', "
        "DATE '2024-02-29', INTERVAL '1' DAY)) AS c (day) LEFT JOIN (SELECT DISTINCT event_date "
        "FROM flights) f ON date(f.event_date) = c.day",
        lambda: [(60, data.DAYS)],
    ),
    # forms
    "with, twice": (
        "WITH late AS (SELECT * FROM flights WHERE delay > 30), n AS (SELECT count(*) AS c "
        "FROM late) SELECT l.carrier, count(*) * 1000 / max(n.c) FROM late l CROSS JOIN n "
        "GROUP BY 1 ORDER BY 1",
        lambda: [
            (c, len(f) * 1000 // sum(r["delay"] > 30 for r in FLOWN))
            for c, f in grouped([r for r in FLOWN if r["delay"] > 30], "carrier").items()
        ],
    ),
    "recursion": (
        "WITH RECURSIVE d (day) AS (SELECT DATE '2024-01-01' UNION ALL SELECT day + INTERVAL '1' "
        "DAY FROM d WHERE day < DATE '2024-01-05') SELECT count(*) FROM flights JOIN d "
        "ON date(event_date) = d.day",
        lambda: [(sum(r["event_date"] <= "2024-01-05" for r in ROWS),)],
    ),
    "try and try_cast": (
        "SELECT count(TRY(number / (number - 7))), count(TRY_CAST(tail AS integer)) FROM flights",
        lambda: [(sum(r["number"] != 7 for r in ROWS), 0)],
    ),
    "coalesce and nullif": (
        "SELECT coalesce(tail, 'unknown'), count(nullif(origin, 'JFK')) FROM flights "
        "WHERE tail IS NULL OR tail = 'N105' GROUP BY 1 ORDER BY 1",
        lambda: [
            (tail, sum(r["origin"] != "JFK" for r in ROWS if (r["tail"] or "unknown") == tail))
            for tail in ("N105", "unknown")
        ],
    ),
    "rounding": (
        "SELECT round(avg(delay), 2), ceil(min(delay)), floor(max(delay)), "
        "CAST(max(delay) AS bigint) FROM flights",
        lambda: [
            (
                pytest.approx(round(mean(r["delay"] for r in FLOWN), 2)),
                float(-(-min(r["delay"] for r in FLOWN) // 1)),
                float(max(r["delay"] for r in FLOWN) // 1),
                int(max(r["delay"] for r in FLOWN) + 0.5),
            )
        ],
    ),
    "greatest and least": (
        "SELECT sum(greatest(delay, 0)), count(least(delay, 0)) FROM flights",
        lambda: [(pytest.approx(sum(max(r["delay"], 0) for r in FLOWN)), len(FLOWN))],
    ),
    "lateral": (
        "SELECT c.carrier, l.flight_id FROM carriers c CROSS JOIN LATERAL (SELECT flight_id FROM "
        "flights f WHERE f.carrier = c.carrier ORDER BY distance DESC, flight_id LIMIT 1) l "
        "ORDER BY 1",
        lambda: [(c, f) for c, f, place in ranked(ROWS) if place == 1],
    ),
    "a sample of everything": (
        "SELECT count(*) FROM flights TABLESAMPLE BERNOULLI (100)",
        lambda: [(len(ROWS),)],
    ),
    "duplicates, one row per id": (
        "SELECT count(*) FROM (SELECT flight_id, row_number() OVER (PARTITION BY flight_id "
        "ORDER BY scheduled) AS n FROM (SELECT * FROM flights UNION ALL SELECT * FROM flights)) "
        "WHERE n = 1",
        lambda: [(len(ROWS),)],
    ),
}


def test_there_are_enough_questions() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_the_one_computed_without_sql(athena: Athena, name: str) -> None:
    sql, expected = CASES[name]
    assert athena.ask(sql).values == expected()
