"""Every published column and channel, declared once: name, type, unit, description.

Parquet schemas, the column dictionary under ``v1/schemas``, the manifest's channel list and the docs come from it.
Times named ``time_ms`` (and every ``*_ms`` column marked "clock") are milliseconds since the session's clock origin.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One published column: Arrow type, unit ('' where there is none) and what it means."""

    name: str
    type: pa.DataType
    unit: str
    description: str


_text = pa.string()
_category = pa.dictionary(pa.int32(), pa.string())
_ms = pa.int64()

#: In front of every table, in every row.
IDENTITY = (
    Column("year", pa.int16(), "", "Season"),
    Column("round", pa.int16(), "", "Round number when published; an alias, it can change"),
    Column("event", _category, "", "Name of the race weekend"),
    Column("session", _category, "", "FastF1's session identifier: R, S, Q, SQ, FP1-FP3"),
    Column("session_key", pa.int32(), "", "Formula 1's own number of the session: its identity"),
)

LAPS = (
    Column("car", _text, "", "Racing number"),
    Column("driver", _text, "", "Three-letter code"),
    Column("team", _text, "", "Team name"),
    Column("lap", pa.int16(), "lap", "Lap number, from 1"),
    Column("start_ms", _ms, "ms (clock)", "Start of the lap"),
    Column("end_ms", _ms, "ms (clock)", "End of the lap: the crossing of the line"),
    Column("lap_time_ms", _ms, "ms", "Official lap time"),
    Column("sector1_ms", _ms, "ms", "Sector 1 time"),
    Column("sector2_ms", _ms, "ms", "Sector 2 time"),
    Column("sector3_ms", _ms, "ms", "Sector 3 time"),
    Column("sector1_end_ms", _ms, "ms (clock)", "When sector 1 ended"),
    Column("sector2_end_ms", _ms, "ms (clock)", "When sector 2 ended"),
    Column("sector3_end_ms", _ms, "ms (clock)", "When sector 3 ended"),
    Column("speed_i1_kmh", pa.float32(), "km/h", "Speed trap 1"),
    Column("speed_i2_kmh", pa.float32(), "km/h", "Speed trap 2"),
    Column("speed_fl_kmh", pa.float32(), "km/h", "Speed at the finish line"),
    Column("speed_st_kmh", pa.float32(), "km/h", "Speed on the longest straight"),
    Column("pit_in_ms", _ms, "ms (clock)", "Entry into the pit lane on this lap"),
    Column("pit_out_ms", _ms, "ms (clock)", "Exit of the pit lane on this lap"),
    Column("stint", pa.int16(), "", "Stint number, from 1"),
    Column("compound", _text, "", "Tyre compound as the upstream names it"),
    Column("tyre_age_laps", pa.float32(), "lap", "Laps on this set at the end of the lap"),
    Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted"),
    Column("track_status", _text, "", "Every track status code during the lap, in order"),
    Column("position", pa.int16(), "", "Position at the line, from the official crossing times"),
    Column("personal_best", pa.bool_(), "", "Whether it was the driver's best so far"),
    Column("accurate", pa.bool_(), "", "FastF1's check that lap, sector and crossing times agree"),
    Column("deleted", pa.bool_(), "", "Whether the stewards deleted the time"),
    Column("deleted_reason", _text, "", "Why they did"),
    Column("generated", pa.bool_(), "", "Whether FastF1 added the lap without a timing record"),
)

RESULTS = (
    Column("car", _text, "", "Racing number"),
    Column("driver", _text, "", "Three-letter code"),
    Column("team", _text, "", "Team name"),
    Column("position", pa.int16(), "", "Official position"),
    Column("classified", _text, "", "Official classification: a position, or R, D, E, W, F, N"),
    Column("grid", pa.int16(), "", "Official grid position; 0 is the pit lane"),
    Column("q1_ms", _ms, "ms", "Best time in Q1"),
    Column("q2_ms", _ms, "ms", "Best time in Q2"),
    Column("q3_ms", _ms, "ms", "Best time in Q3"),
    Column("time_ms", _ms, "ms", "Winner: race time; others: gap to the winner"),
    Column("status", _text, "", "Finished, +1 Lap, or why not"),
    Column("points", pa.float32(), "", "Championship points"),
    Column("laps", pa.int16(), "lap", "Laps completed"),
)

WEATHER = (
    Column("time_ms", _ms, "ms (clock)", "Time"),
    Column("air_temp_c", pa.float32(), "°C", "Air temperature"),
    Column("track_temp_c", pa.float32(), "°C", "Track temperature"),
    Column("humidity_percent", pa.float32(), "%", "Relative humidity"),
    Column("pressure_mbar", pa.float32(), "mbar", "Air pressure"),
    Column("rainfall", pa.bool_(), "", "Whether it rains"),
    Column("wind_direction_deg", pa.int16(), "°", "Where the wind comes from, 0 is north"),
    Column("wind_speed_mps", pa.float32(), "m/s", "Wind speed"),
)

TRACK_STATUS = (
    Column("time_ms", _ms, "ms (clock)", "Start of the status"),
    Column("end_ms", _ms, "ms (clock)", "Start of the next one; null for the last"),
    Column("status", _text, "", "1 clear, 2 yellow, 4 safety car, 5 red, 6 virtual safety car, 7 it is ending"),
    Column("message", _text, "", "The same in the upstream's words"),
)

SESSION_STATUS = (
    Column("time_ms", _ms, "ms (clock)", "Time"),
    Column("status", _text, "", "Inactive, Started, Aborted, Finished, Finalised or Ends"),
)

MESSAGES = (
    Column("time_ms", _ms, "ms (clock)", "Time; null where the session's UTC origin is unknown"),
    Column("utc", pa.timestamp("ms", tz="UTC"), "", "Time in UTC"),
    Column("lap", pa.int16(), "lap", "Lap of the leader"),
    Column("category", _text, "", "Flag, Drs, CarEvent, Other and so on"),
    Column("message", _text, "", "What race control said"),
    Column("status", _text, "", "ENABLED or DISABLED, for DRS"),
    Column("flag", _text, "", "Which flag"),
    Column("scope", _text, "", "Track, Sector or Driver"),
    Column("sector", pa.int16(), "", "Marshal sector"),
    Column("car", _text, "", "Racing number of the car it is about"),
)

STINTS = (
    Column("car", _text, "", "Racing number"),
    Column("driver", _text, "", "Three-letter code"),
    Column("stint", pa.int16(), "", "Stint number, from 1"),
    Column("compound", _text, "", "Tyre compound"),
    Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted"),
    Column("tyre_age_start_laps", pa.float32(), "lap", "Laps on the set when fitted"),
    Column("first_lap", pa.int16(), "lap", "First lap of the stint"),
    Column("last_lap", pa.int16(), "lap", "Last lap of the stint"),
    Column("start_ms", _ms, "ms (clock)", "Start of the first lap"),
    Column("end_ms", _ms, "ms (clock)", "End of the last lap"),
)

DRIVERS = (
    Column("car", _text, "", "Racing number"),
    Column("driver", _text, "", "Three-letter code"),
    Column("first_name", _text, "", "First name"),
    Column("last_name", _text, "", "Last name"),
    Column("team", _text, "", "Team name"),
    Column("color", _text, "", "Team colour, #rrggbb"),
)

SESSIONS = (
    Column("meeting_key", pa.int32(), "", "Formula 1's own number of the weekend"),
    Column("official_event", _text, "", "Long name of the weekend"),
    Column("country", _text, "", "Country"),
    Column("location", _text, "", "Place"),
    Column("circuit", _text, "", "Circuit, as Formula 1 names it"),
    Column("session_name", _text, "", "Long name of the session"),
    Column("start_utc", pa.timestamp("ms", tz="UTC"), "", "Scheduled start"),
    Column("utc_origin", pa.timestamp("ms", tz="UTC"), "", "UTC at the clock's origin"),
    Column("session_time_origin_ms", _ms, "ms", "FastF1's session time at the clock's origin"),
    Column("duration_ms", _ms, "ms", "Length of the clock"),
    Column("race_start_ms", _ms, "ms (clock)", "Start of the race or of the session"),
    Column("total_laps", pa.int16(), "lap", "Scheduled distance"),
    Column("cars", pa.int16(), "", "Cars in the session"),
    Column("grade", _text, "", "Verdict on the data, A-F"),
)

TELEMETRY = (
    Column("car", _category, "", "Racing number"),
    Column("time_ms", _ms, "ms (clock)", "Time of the sample, from its UTC date"),
    Column("speed_kmh", pa.float32(), "km/h", "Speed"),
    Column("rpm", pa.float32(), "1/min", "Engine speed"),
    Column("gear", pa.int8(), "", "Gear, 0 is neutral"),
    Column("throttle_percent", pa.float32(), "%", "Throttle"),
    Column("brake", pa.bool_(), "", "Whether the brake is on"),
    Column("drs", pa.int8(), "", "DRS code as sent: 10, 12 and 14 are open; null where the upstream has none"),
)

POSITIONS = (
    Column("car", _category, "", "Racing number"),
    Column("time_ms", _ms, "ms (clock)", "Time of the sample, from its UTC date"),
    Column("x_m", pa.float64(), "m", "East-like coordinate of the circuit's own frame"),
    Column("y_m", pa.float64(), "m", "North-like coordinate of the circuit's own frame"),
    Column("z_m", pa.float64(), "m", "Height in the circuit's own frame"),
    Column("on_track", pa.bool_(), "", "Whether the upstream calls the car on track"),
    Column("lap_distance_m", pa.float32(), "m", "Distance along the track's outline, from the line; null without one"),
    Column("offset_m", pa.float32(), "m", "Distance from the outline, left positive; null without one"),
)

FRAMES = (
    Column("car", _category, "", "Racing number"),
    Column("time_ms", pa.int32(), "ms (clock)", "Tick of the common clock"),
    Column("x_m", pa.float32(), "m", "East-like coordinate; null in a gap"),
    Column("y_m", pa.float32(), "m", "North-like coordinate; null in a gap"),
    Column("speed_kmh", pa.float32(), "km/h", "Speed"),
    Column("rpm", pa.float32(), "1/min", "Engine speed"),
    Column("throttle_percent", pa.float32(), "%", "Throttle"),
    Column("gear", pa.int8(), "", "Gear, 0 is neutral"),
    Column("brake", pa.bool_(), "", "Whether the brake is on"),
    Column("drs", pa.int8(), "", "DRS code as sent; null where the upstream has none"),
    Column("lap", pa.int16(), "lap", "Lap the car is on"),
    Column("lap_distance_m", pa.float32(), "m", "Distance along the own lap, from the line"),
    Column("position", pa.int8(), "", "Order on track (race, sprint) or by best lap so far (others)"),
    Column("gap_s", pa.float32(), "s", "Gap to the leader; null when a lap or more behind"),
    Column("interval_s", pa.float32(), "s", "Gap to the car ahead; null when a lap or more behind it"),
    Column("laps_down", pa.int8(), "lap", "Whole laps behind the leader"),
    Column("tyre", _category, "", "Tyre compound"),
    Column("tyre_age_laps", pa.int16(), "lap", "Laps on the set at the end of the present lap"),
    Column("stint", pa.int8(), "", "Stint number, from 1"),
    Column("state", _category, "", "grid, running, pit, stopped, out or finished; null when unknown"),
    Column("track_status", _category, "", "Track status code"),
)

QUALITY = (
    Column("check", _text, "", "What was checked"),
    Column("car", _text, "", "Racing number, null when it is about the session"),
    Column("channel", _text, "", "Channel, null when it is about more"),
    Column("start_ms", _ms, "ms (clock)", "From"),
    Column("end_ms", _ms, "ms (clock)", "To"),
    Column("value", pa.float64(), "", "Measured value"),
    Column("unit", _text, "", "Its unit"),
    Column("severity", _text, "", "info, warning or error"),
    Column("cause", _text, "", "Why, as far as the data says"),
)

#: Published tables, by name.
TABLES: dict[str, tuple[Column, ...]] = {
    "frames": FRAMES,
    "telemetry": TELEMETRY,
    "positions": POSITIONS,
    "laps": LAPS,
    "stints": STINTS,
    "results": RESULTS,
    "weather": WEATHER,
    "track_status": TRACK_STATUS,
    "race_control_messages": MESSAGES,
    "drivers": DRIVERS,
    "sessions": SESSIONS,
    "quality": QUALITY,
}


@dataclass(frozen=True)
class Channel:
    """One channel of the columnar frame chunks.

    ``kind`` is ``continuous`` (published as first value and differences of integers; value = integer * ``scale``) or
    ``held`` (published as runs). ``column`` names the same quantity in the ``frames`` table.
    """

    name: str
    column: str
    unit: str
    scale: float
    kind: str
    description: str


CHANNELS = (
    Channel("x", "x_m", "m", 0.1, "continuous", "East-like coordinate of the circuit's own frame"),
    Channel("y", "y_m", "m", 0.1, "continuous", "North-like coordinate of the circuit's own frame"),
    Channel("speed", "speed_kmh", "km/h", 1, "continuous", "Speed"),
    Channel("rpm", "rpm", "1/min", 1, "continuous", "Engine speed"),
    Channel("throttle", "throttle_percent", "%", 1, "continuous", "Throttle"),
    Channel("lap_distance", "lap_distance_m", "m", 0.1, "continuous", "Distance along the own lap"),
    Channel("gap", "gap_s", "s", 0.001, "continuous", "Gap to the leader; null when a lap or more behind"),
    Channel(
        "interval",
        "interval_s",
        "s",
        0.001,
        "continuous",
        "Gap to the car ahead; null when a lap or more behind",
    ),
    Channel("gear", "gear", "", 1, "held", "Gear, 0 is neutral"),
    Channel("brake", "brake", "", 1, "held", "1 while the brake is on, else 0"),
    Channel("drs", "drs", "", 1, "held", "DRS code as sent: 10, 12 and 14 are open"),
    Channel("lap", "lap", "lap", 1, "held", "Lap the car is on"),
    Channel("position", "position", "", 1, "held", "Order on track, or by best lap so far"),
    Channel("laps_down", "laps_down", "lap", 1, "held", "Whole laps behind the leader"),
    Channel("tyre", "tyre", "", 1, "held", "Tyre compound"),
    Channel("tyre_age", "tyre_age_laps", "lap", 1, "held", "Laps on the set at the end of the present lap"),
    Channel("stint", "stint", "", 1, "held", "Stint number, from 1"),
    Channel("state", "state", "", 1, "held", "grid, running, pit, stopped, out or finished"),
)


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of ``columns``, with unit and description in every field's metadata."""
    return pa.schema(
        [pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.description}) for c in columns]
    )
