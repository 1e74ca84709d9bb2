"""Every published table, declared once: columns, units, what one row is, where it comes from, how it is sorted.

A column or table of what the recording already has is published once it stands here; what is computed is computed in
``transforms.tables``. The channels of the frames are declared in ``transforms.frames``.
"""

from dataclasses import replace

import pyarrow as pa

from transforms.declare import (
    CATEGORY,
    CLOCK,
    MS,
    RESULTS_SERVICE,
    SENTENCE_LENGTH,
    TEXT,
    TIMING,
    Column,
    Table,
    schema_of,
)
from transforms.frames import CHANNELS

#: The results service has the first lap's times and the lap charts that laps are held against, and names.
_TIMING_AND_RESULTS = (TIMING, RESULTS_SERVICE)

#: In front of every table, in every row: columns by the attribute of the session's identity they hold.
IDENTITY = {
    "year": Column("year", pa.int16(), "", "Season"),
    "round": Column("round", pa.int16(), "", "Round number when published; an alias, it can change"),
    "event": Column("event", CATEGORY, "", "Name of the race weekend"),
    "code": Column("session", CATEGORY, "", "FastF1's session identifier: R, S, Q, SQ, FP1-FP3"),
    "session_key": Column("session_key", pa.int32(), "", "Formula 1's own number of the session: its identity"),
}

LAPS = Table(
    "laps",
    "a lap of a car",
    recorded="laps",
    sorted_by=("car", "lap"),
    document="laps",
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("team", TEXT, "", "Team name"),
        Column("lap", pa.int16(), "lap", "Lap number, from 1"),
        Column("start_ms", MS, CLOCK, "Start of the lap"),
        Column("end_ms", MS, CLOCK, "End of the lap: the crossing of the line"),
        Column("lap_time_ms", MS, "ms", "Official lap time; null where nobody can have driven it"),
        Column("sector1_ms", MS, "ms", "Sector 1 time"),
        Column("sector2_ms", MS, "ms", "Sector 2 time"),
        Column("sector3_ms", MS, "ms", "Sector 3 time"),
        Column("sector1_end_ms", MS, CLOCK, "When sector 1 ended"),
        Column("sector2_end_ms", MS, CLOCK, "When sector 2 ended"),
        Column("sector3_end_ms", MS, CLOCK, "When sector 3 ended"),
        Column("speed_i1_kmh", pa.float32(), "km/h", "Speed trap 1"),
        Column("speed_i2_kmh", pa.float32(), "km/h", "Speed trap 2"),
        Column("speed_fl_kmh", pa.float32(), "km/h", "Speed at the finish line"),
        Column("speed_st_kmh", pa.float32(), "km/h", "Speed on the longest straight"),
        Column("pit_in_ms", MS, CLOCK, "Entry into the pit lane on this lap"),
        Column("pit_out_ms", MS, CLOCK, "Exit of the pit lane on this lap"),
        Column("stint", pa.int16(), "", "Stint number, from 1"),
        Column("compound", TEXT, "", "Tyre compound as the upstream names it"),
        Column("tyre_age_laps", pa.float32(), "lap", "Laps on this set at the end of the lap"),
        Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted"),
        Column("track_status", TEXT, "", "Every track status code during the lap, in order"),
        Column(
            "position",
            pa.int16(),
            "",
            "Position at the line, from the official crossing times; null where a lost crossing decides",
        ),
        Column("personal_best", pa.bool_(), "", "Whether it was the driver's best so far"),
        Column("accurate", pa.bool_(), "", "FastF1's check that lap, sector and crossing times agree"),
        Column("deleted", pa.bool_(), "", "Whether the stewards deleted the time"),
        Column("deleted_reason", TEXT, "", "Why they did", SENTENCE_LENGTH),
        Column("generated", pa.bool_(), "", "Whether FastF1 added the lap without a timing record"),
    ),
)

#: The results as the upstream has them.
RECORDED_RESULTS = Table(
    "results",
    "a car in the official results",
    recorded="results",
    sorted_by=("position",),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("team", TEXT, "", "Team name"),
        Column("position", pa.int16(), "", "Official position"),
        Column("classified", TEXT, "", "Official classification: a position, or R, D, E, W, F, N"),
        Column("grid", pa.int16(), "", "Official grid position; 0 is the pit lane"),
        Column("q1_ms", MS, "ms", "Best time in Q1"),
        Column("q2_ms", MS, "ms", "Best time in Q2"),
        Column("q3_ms", MS, "ms", "Best time in Q3"),
        Column("time_ms", MS, "ms", "Winner: race time; others: gap to the winner"),
        Column("status", TEXT, "", "Finished, +1 Lap, or why not"),
        Column("points", pa.float32(), "", "Championship points"),
        Column("laps", pa.int16(), "lap", "Laps completed"),
    ),
)

RESULTS = replace(
    RECORDED_RESULTS,
    row="a car in the official results, as known when published",
    recorded="",
    document="results",
    columns=(
        *RECORDED_RESULTS.columns,
        Column(
            "gap_crossing_ms",
            MS,
            "ms",
            "Gap to the winner across the line by timing, without penalties: negative before it; null a lap behind",
        ),
    ),
)

WEATHER = Table(
    "weather",
    "a report, about once a minute",
    recorded="weather",
    sorted_by=("time_ms",),
    document="weather",
    columns=(
        Column("time_ms", MS, CLOCK, "Time"),
        Column("air_temp_c", pa.float32(), "°C", "Air temperature"),
        Column("track_temp_c", pa.float32(), "°C", "Track temperature"),
        Column("humidity_percent", pa.float32(), "%", "Relative humidity"),
        Column("pressure_mbar", pa.float32(), "mbar", "Air pressure"),
        Column("rainfall", pa.bool_(), "", "Whether it rains"),
        Column("wind_direction_deg", pa.int16(), "°", "Where the wind comes from, 0 is north"),
        Column("wind_speed_mps", pa.float32(), "m/s", "Wind speed"),
    ),
)

TRACK_STATUS = Table(
    "track_status",
    "a status of the track, from when until when",
    recorded="track_status",
    sorted_by=("time_ms",),
    columns=(
        Column("time_ms", MS, CLOCK, "Start of the status"),
        Column("end_ms", MS, CLOCK, "Start of the next one; null for the last"),
        Column("status", TEXT, "", "1 clear, 2 yellow, 4 safety car, 5 red, 6 virtual safety car, 7 it is ending"),
        Column("message", TEXT, "", "The same in the upstream's words"),
    ),
)

SESSION_STATUS = Table(
    "session_status",
    "a change of the session's status",
    recorded="session_status",
    sorted_by=("time_ms",),
    columns=(
        Column("time_ms", MS, CLOCK, "Time"),
        Column("status", TEXT, "", "Inactive, Started, Aborted, Finished, Finalised or Ends"),
    ),
)

MESSAGES = Table(
    "race_control_messages",
    "a message of race control",
    recorded="messages",
    sorted_by=("utc",),
    document="messages",
    columns=(
        Column("time_ms", MS, CLOCK, "Time; null where the session's UTC origin is unknown"),
        Column("utc", pa.timestamp("ms", tz="UTC"), "", "Time in UTC"),
        Column("lap", pa.int16(), "lap", "Lap of the leader"),
        Column("category", TEXT, "", "Flag, Drs, CarEvent, Other and so on"),
        Column("message", TEXT, "", "What race control said", SENTENCE_LENGTH),
        Column("status", TEXT, "", "ENABLED or DISABLED, for DRS"),
        Column("flag", TEXT, "", "Which flag"),
        Column("scope", TEXT, "", "Track, Sector or Driver"),
        Column("sector", pa.int16(), "", "Marshal sector"),
        Column("car", TEXT, "", "Racing number of the car it is about"),
    ),
)

STINTS = Table(
    "stints",
    "a stint of a car: a set of tyres",
    sorted_by=("car", "first_lap"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("stint", pa.int16(), "", "Stint number, from 1"),
        Column("compound", TEXT, "", "Tyre compound"),
        Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted"),
        Column("tyre_age_start_laps", pa.float32(), "lap", "Laps on the set when fitted"),
        Column("first_lap", pa.int16(), "lap", "First lap of the stint"),
        Column("last_lap", pa.int16(), "lap", "Last lap of the stint"),
        Column("start_ms", MS, CLOCK, "Start of the first lap"),
        Column("end_ms", MS, CLOCK, "End of the last lap"),
    ),
)

DRIVERS = Table(
    "drivers",
    "a car and who drives it",
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("first_name", TEXT, "", "First name"),
        Column("last_name", TEXT, "", "Last name"),
        Column("team", TEXT, "", "Team name"),
        Column("color", TEXT, "", "Team colour, #rrggbb"),
    ),
)

SESSIONS = Table(
    "sessions",
    "a session",
    columns=(
        Column("meeting_key", pa.int32(), "", "Formula 1's own number of the weekend"),
        Column("official_event", TEXT, "", "Long name of the weekend"),
        Column("country", TEXT, "", "Country"),
        Column("location", TEXT, "", "Place"),
        Column("circuit", TEXT, "", "Circuit, as Formula 1 names it"),
        Column("session_name", TEXT, "", "Long name of the session"),
        Column("start_utc", pa.timestamp("ms", tz="UTC"), "", "Scheduled start"),
        Column("utc_origin", pa.timestamp("ms", tz="UTC"), "", "UTC at the clock's origin"),
        Column("session_time_origin_ms", MS, "ms", "FastF1's session time at the clock's origin"),
        Column("duration_ms", MS, "ms", "Length of the clock"),
        Column("race_start_ms", MS, CLOCK, "Start of the race or of the session"),
        Column("total_laps", pa.int16(), "lap", "Scheduled distance"),
        Column("cars", pa.int16(), "", "Cars in the session"),
        Column("grade", TEXT, "", "Verdict on the data: A, B, C, D or F"),
    ),
)

TELEMETRY = Table(
    "telemetry",
    "a sample of car data, a few a second, cleaned: car after car, each by time",
    columns=(
        Column("car", CATEGORY, "", "Racing number"),
        Column("time_ms", MS, CLOCK, "Time of the sample, from its UTC date"),
        Column("speed_kmh", pa.float32(), "km/h", "Speed"),
        Column("rpm", pa.float32(), "1/min", "Engine speed"),
        Column("gear", pa.int8(), "", "Gear, 0 is neutral"),
        Column("throttle_percent", pa.float32(), "%", "Throttle"),
        Column("brake", pa.bool_(), "", "Whether the brake is on"),
        Column("drs", pa.int8(), "", "DRS code as sent: 10, 12 and 14 are open; null where the upstream has none"),
    ),
)

POSITIONS = Table(
    "positions",
    "a sample of coordinates, a few a second, cleaned: car after car, each by time",
    columns=(
        Column("car", CATEGORY, "", "Racing number"),
        Column("time_ms", MS, CLOCK, "Time of the sample, from its UTC date"),
        Column("x_m", pa.float32(), "m", "East-like coordinate of the circuit's own frame, to 1/16"),
        Column("y_m", pa.float32(), "m", "North-like coordinate of the circuit's own frame, to 1/16"),
        Column("z_m", pa.float32(), "m", "Height in the circuit's own frame, to 1/16"),
        Column("on_track", pa.bool_(), "", "Whether the upstream calls the car on track"),
        Column(
            "lap_distance_m", pa.float32(), "m", "Distance along the track's outline, from the line; null without one"
        ),
        Column("offset_m", pa.float32(), "m", "Distance from the outline, left positive; null without one"),
    ),
)

FRAMES = Table(
    "frames",
    "a car at a tick, 25 a second",
    sorted_by=("car", "time_ms"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", CATEGORY, "", "Racing number"),
        Column("time_ms", pa.int32(), CLOCK, "Tick of the common clock"),
        *(Column(c.column, c.type, c.unit, c.description) for c in CHANNELS),
        Column("track_status", CATEGORY, "", "Track status code"),
    ),
)

COVERAGE = Table(
    "coverage",
    "a channel of a car",
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("channel", TEXT, "", "Channel, by its column in frames"),
        Column("share", pa.float64(), "share", "Ticks with a value, from the start to the car's last moment; 0 to 1"),
    ),
)

FINDINGS = Table(
    "findings",
    "something that was checked and found wrong, doubtful or worth knowing",
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("kind", TEXT, "", "What was found; the page on quality lists all kinds"),
        Column("car", TEXT, "", "Racing number, null when it is about the session"),
        Column("channel", TEXT, "", "Channel, null when it is about more"),
        Column("start_ms", MS, CLOCK, "From"),
        Column("end_ms", MS, CLOCK, "To"),
        Column("value", pa.float64(), "", "How much: a count, a length, a difference"),
        Column("measured", pa.float64(), "", "Where two sources differ: what timing or telemetry has"),
        Column("official", pa.float64(), "", "Where two sources differ: what the result or lap chart has"),
        Column("unit", TEXT, "", "Unit of the values"),
        Column("severity", TEXT, "", "info, warning or error"),
        Column("cause", TEXT, "", "Why, as far as the data says", SENTENCE_LENGTH),
    ),
)

#: Published tables, by name.
TABLES = {
    table.name: table
    for table in (
        FRAMES,
        TELEMETRY,
        POSITIONS,
        LAPS,
        STINTS,
        RESULTS,
        WEATHER,
        TRACK_STATUS,
        SESSION_STATUS,
        MESSAGES,
        DRIVERS,
        SESSIONS,
        COVERAGE,
        FINDINGS,
    )
}


def published_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of ``table`` as published: the identity columns in front of its own."""
    return schema_of((*IDENTITY.values(), *table.columns))
