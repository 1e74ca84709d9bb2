"""Every published table, declared once: columns, units, what one row is, where it comes from, how it is sorted.

A column or table of what the recording already has is published once it stands here; what is computed is computed in
``transforms.tables``. The channels of the frames are declared in ``transforms.frames``.
"""

from dataclasses import replace

import pyarrow as pa

from transforms.declare import CIRCUITS as CIRCUIT_SERVICE
from transforms.declare import (
    CLOCK,
    GAP,
    MS,
    RESULTS_SERVICE,
    SENTENCE_LENGTH,
    TEXT,
    TIMING,
    Channel,
    Column,
    Table,
    schema_of,
)
from transforms.fastf1_names import FASTF1
from transforms.frames import CHANNELS

#: The results service has the first lap's times and the lap charts that laps are held against, and names.
_TIMING_AND_RESULTS = (TIMING, RESULTS_SERVICE)

#: In front of every table, in every row: columns by the attribute of the session's identity they hold.
IDENTITY = {
    "year": Column("year", pa.int16(), "", "Season"),
    "round": Column("round", pa.int16(), "", "Round number when published; an alias, it can change"),
    "event": Column("event", TEXT, "", "Name of the race weekend"),
    "code": Column("session", TEXT, "", "FastF1's session identifier: R, S, Q, SQ, FP1-FP3"),
    "session_key": Column("session_key", pa.int32(), "", "Formula 1's own number of the session: its identity"),
}

UTC = pa.timestamp("ms", tz="UTC")
_NO_TYRES = "the upstream has no tyres of the lap"
_NO_OUTLINE = "no coordinates, so no outline"
_NO_SECTORS = "no outline, or timing does not give it"

#: The laps as the upstream has them.
RECORDED_LAPS = Table(
    "laps",
    "a lap of a car",
    recorded="laps",
    sorted_by=("car", "lap"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("team", TEXT, "", "Team name", "the driver list has none"),
        Column("lap", pa.int16(), "lap", "Lap number, from 1"),
        Column("start_ms", MS, CLOCK, "Start of the lap", "no timing of it"),
        Column(
            "end_ms",
            MS,
            CLOCK,
            "End of the lap: the crossing of the line",
            "it was not completed, or its crossing is lost",
        ),
        Column(
            "lap_time_ms",
            MS,
            "ms",
            "Official lap time",
            "a lap in or out of the pits or cut short, or a time nobody can have driven",
        ),
        Column("sector1_ms", MS, "ms", "Sector 1 time", "the upstream has none: a lap out of the pits, a lost beacon"),
        Column("sector2_ms", MS, "ms", "Sector 2 time", "the upstream has none: a lap out of the pits, a lost beacon"),
        Column("sector3_ms", MS, "ms", "Sector 3 time", "the upstream has none: a lap out of the pits, a lost beacon"),
        Column(
            "sector1_end_ms",
            MS,
            CLOCK,
            "When sector 1 ended",
            "the upstream has none: a lap out of the pits, a lost beacon",
        ),
        Column(
            "sector2_end_ms",
            MS,
            CLOCK,
            "When sector 2 ended",
            "the upstream has none: a lap out of the pits, a lost beacon",
        ),
        Column(
            "sector3_end_ms",
            MS,
            CLOCK,
            "When sector 3 ended",
            "the upstream has none: a lap out of the pits, a lost beacon",
        ),
        Column("speed_i1_kmh", pa.float32(), "km/h", "Speed trap 1", "the trap did not measure the car on this lap"),
        Column("speed_i2_kmh", pa.float32(), "km/h", "Speed trap 2", "the trap did not measure the car on this lap"),
        Column(
            "speed_fl_kmh",
            pa.float32(),
            "km/h",
            "Speed at the finish line",
            "the trap did not measure the car on this lap",
        ),
        Column(
            "speed_st_kmh",
            pa.float32(),
            "km/h",
            "Speed on the longest straight",
            "the trap did not measure the car on this lap",
        ),
        Column("pit_in_ms", MS, CLOCK, "Entry into the pit lane on this lap", "none on this lap"),
        Column("pit_out_ms", MS, CLOCK, "Exit of the pit lane on this lap", "none on this lap"),
        Column("stint", pa.int16(), "", "Stint number, from 1", "the upstream has no tyres of the lap"),
        Column("compound", TEXT, "", "Tyre compound as the upstream names it", "the upstream has no tyres of the lap"),
        Column(
            "tyre_age_laps",
            pa.int16(),
            "lap",
            "Laps on this set at the end of the lap",
            "the upstream has no tyres of the lap",
        ),
        Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted", "the upstream does not say"),
        Column(
            "track_statuses",
            TEXT,
            "",
            "Every track status code during the lap, in order, as 125",
            "the upstream has no track status",
        ),
        Column(
            "position",
            pa.int16(),
            "",
            "Position at the line, from the official crossing times",
            "not a race or sprint, no crossing, or a lost crossing decides",
        ),
        Column("personal_best", pa.bool_(), "", "Whether it was the driver's best so far", "the upstream does not say"),
        Column(
            "accurate",
            pa.bool_(),
            "",
            "FastF1's check that lap, sector and crossing times agree",
            "FastF1 did not check",
        ),
        Column(
            "deleted",
            pa.bool_(),
            "",
            "Whether the stewards deleted the time",
            "there are no race control messages of the session",
        ),
        Column("deleted_reason", TEXT, "", "Why they did", "it was not deleted", longest=SENTENCE_LENGTH),
        Column(
            "generated", pa.bool_(), "", "Whether FastF1 added the lap without a timing record", "FastF1 does not say"
        ),
    ),
)

_NO_RESULT = "no official result"

LAPS = replace(
    RECORDED_LAPS,
    recorded="",
    document="laps",
    columns=(
        *RECORDED_LAPS.columns,
        Column("start_utc", UTC, "", "Start of the lap in UTC", "no timing of it, or the session's UTC is unknown"),
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
        Column("team", TEXT, "", "Team name", "the driver list has none"),
        Column("position", pa.int16(), "", "Official position", "no official result, or not classified in it"),
        Column(
            "classified",
            TEXT,
            "",
            "Official classification: a position, or R (retired), D (disqualified), E, W (withdrawn), F, N",
            "no official result, or it does not say",
        ),
        Column("grid", pa.int16(), "", "Official grid position; 0 is the pit lane", "not a race or sprint, or unknown"),
        Column("q1_ms", MS, "ms", "Best time in Q1", "no time in it, or not a qualifying"),
        Column("q2_ms", MS, "ms", "Best time in Q2", "no time in it, or not a qualifying"),
        Column("q3_ms", MS, "ms", "Best time in Q3", "no time in it, or not a qualifying"),
        Column("time_ms", MS, "ms", "Winner: race time; others: gap to the winner", "the official result has none"),
        Column("status", TEXT, "", "Finished, +1 Lap, or why not", "not a race or sprint"),
        Column("points", pa.float32(), "", "Championship points", "not a race or sprint"),
        Column("laps", pa.int16(), "lap", "Laps completed", "not a race or sprint"),
        Column("driver_id", TEXT, "", "The results service's name of the driver, the same for years", _NO_RESULT),
        Column("team_id", TEXT, "", "The results service's name of the team, the same for years", _NO_RESULT),
        Column("full_name", TEXT, "", "First and last name", "the driver list has none"),
        Column("broadcast_name", TEXT, "", "Name as broadcasts write it", "the driver list has none"),
        Column("country_code", TEXT, "", "Country the driver races for, three letters", "the driver list has none"),
        Column("headshot_url", TEXT, "", "Picture of the driver", "the driver list has none", longest=SENTENCE_LENGTH),
    ),
)

RESULTS = replace(
    RECORDED_RESULTS,
    row="a car in the official results, as known when published",
    recorded="",
    document="results",
    columns=(
        *(column for column in RECORDED_RESULTS.columns if column.name != "time_ms"),
        Column(
            "race_time_ms",
            MS,
            "ms",
            "Official race time, penalties added",
            "a lap or more behind, not classified, not a race or sprint, or the official result has none",
        ),
        Column(
            "gap_ms",
            MS,
            "ms",
            "Official gap to the winner, penalties added; 0 for the winner",
            "a lap or more behind, not classified, not a race or sprint, or the official result has none",
        ),
        Column(
            "gap_crossing_ms",
            MS,
            "ms",
            "Gap to the winner across the line by timing, without penalties: negative before it",
            "a lap or more behind, did not finish, or not a race or sprint",
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
        Column("air_temp_c", pa.float64(), "°C", "Air temperature", "the report lacks it"),
        Column("track_temp_c", pa.float64(), "°C", "Track temperature", "the report lacks it"),
        Column("humidity_percent", pa.float64(), "%", "Relative humidity", "the report lacks it"),
        Column("pressure_mbar", pa.float64(), "mbar", "Air pressure", "the report lacks it"),
        Column("rainfall", pa.bool_(), "", "Whether it rains", "the report lacks it"),
        Column("wind_direction_deg", pa.int16(), "°", "Where the wind comes from, 0 is north", "the report lacks it"),
        Column("wind_speed_mps", pa.float64(), "m/s", "Wind speed", "the report lacks it"),
    ),
)

TRACK_STATUS = Table(
    "track_status",
    "a status of the track, from when until when",
    recorded="track_status",
    sorted_by=("time_ms",),
    columns=(
        Column("time_ms", MS, CLOCK, "Start of the status"),
        Column("end_ms", MS, CLOCK, "Start of the next one", "the last one"),
        Column(
            "status",
            TEXT,
            "",
            "1 clear, 2 yellow, 4 safety car, 5 red, 6 virtual safety car, 7 it is ending",
            "the upstream lacks it",
        ),
        Column("message", TEXT, "", "The same in the upstream's words", "the upstream lacks it"),
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
        Column("time_ms", MS, CLOCK, "Time", "the session's UTC origin is unknown"),
        Column("utc", UTC, "", "Time in UTC"),
        Column("lap", pa.int16(), "lap", "Lap of the leader", "not a race or sprint, or before the start"),
        Column("category", TEXT, "", "Flag, Drs, CarEvent, Other and so on", "the upstream lacks it"),
        Column("message", TEXT, "", "What race control said", longest=SENTENCE_LENGTH),
        Column("status", TEXT, "", "ENABLED or DISABLED, for DRS", "not about DRS"),
        Column("flag", TEXT, "", "Which flag", "not about a flag"),
        Column("scope", TEXT, "", "Track, Sector or Driver", "not about a flag"),
        Column("sector", pa.int16(), "", "Marshal sector", "not about one sector"),
        Column("car", TEXT, "", "Racing number of the car it is about", "not about one car"),
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
        Column("stint", pa.int16(), "", "Stint number, from 1", "the upstream has no tyres of the lap"),
        Column("compound", TEXT, "", "Tyre compound", "the upstream does not say"),
        Column("tyre_fresh", pa.bool_(), "", "Whether the set was new when fitted", "the upstream does not say"),
        Column("tyre_age_start_laps", pa.int16(), "lap", "Laps on the set when fitted", "the upstream does not say"),
        Column("first_lap", pa.int16(), "lap", "First lap of the stint"),
        Column("last_lap", pa.int16(), "lap", "Last lap of the stint"),
        Column("start_ms", MS, CLOCK, "Start of the first lap", "no timing of it"),
        Column("end_ms", MS, CLOCK, "End of the last lap", "it was not completed, or its crossing is lost"),
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
        Column("team", TEXT, "", "Team name", "the driver list has none"),
        Column("color", TEXT, "", "Team colour, #rrggbb", "the driver list has none"),
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
        Column("circuit", TEXT, "", "Circuit, as Formula 1 names it", "the upstream's session information lacks it"),
        Column("session_name", TEXT, "", "Long name of the session"),
        Column("start_utc", UTC, "", "Scheduled start", "the schedule has none"),
        Column(
            "utc_origin",
            UTC,
            "",
            "UTC at the clock's origin",
            "the upstream does not say; then nothing has UTC",
        ),
        Column("session_time_origin_ms", MS, "ms", "FastF1's session time at the clock's origin"),
        Column("duration_ms", MS, "ms", "Length of the clock"),
        Column("race_start_ms", MS, CLOCK, "Start of the race or of the session", "unknown"),
        Column("total_laps", pa.int16(), "lap", "Scheduled distance", "not a race or sprint, or unknown"),
        Column("cars", pa.int16(), "", "Cars in the session"),
        Column("grade", TEXT, "", "Verdict on the data: A, B, C, D or F"),
    ),
)

_LAP_DISTANCE = Column(
    "lap_distance_m",
    pa.float32(),
    "m",
    "Distance along the track's outline, from the line",
    "no outline, or a doubtful place",
)
_RELATIVE_DISTANCE = Column(
    "relative_distance",
    pa.float32(),
    "share",
    "Part of the lap, 0 at the line: lap_distance_m by the length of the outline",
    "as for lap_distance_m",
)

TELEMETRY = Table(
    "telemetry",
    "a sample of car data, a few a second, cleaned",
    sorted_by=("car", "time_ms"),
    is_by_car=True,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("time_ms", MS, CLOCK, "Time of the sample, from its UTC date"),
        Column("lap", pa.int16(), "lap", "Lap the car is on, by timing", "on no lap"),
        Column("lap_time_ms", MS, "ms", "Since the start of the lap", "on no lap"),
        Column("speed_kmh", pa.int32(), "km/h", "Speed", GAP),
        Column("rpm", pa.int32(), "1/min", "Engine speed", GAP),
        Column("gear", pa.int8(), "", "Gear, 0 is neutral", GAP),
        Column("throttle_percent", pa.int32(), "%", "Throttle", GAP),
        Column("brake", pa.bool_(), "", "Whether the brake is on", GAP),
        Column("drs", pa.int8(), "", "DRS code as sent: 10, 12 and 14 are open", "the upstream has none"),
        _LAP_DISTANCE,
        _RELATIVE_DISTANCE,
        Column(
            "car_ahead",
            TEXT,
            "",
            "Racing number of the next running car along the track, whichever lap it is on",
            "not running, no other car is, a gap of the source, or no outline",
        ),
        Column(
            "distance_ahead_m",
            pa.float32(),
            "m",
            "How far ahead along the track it is",
            "as for car_ahead",
        ),
    ),
)

POSITIONS = Table(
    "positions",
    "a sample of coordinates, a few a second, cleaned",
    sorted_by=("car", "time_ms"),
    is_by_car=True,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it"),
        Column("time_ms", MS, CLOCK, "Time of the sample, from its UTC date"),
        Column("lap", pa.int16(), "lap", "Lap the car is on, by timing", "on no lap"),
        Column("lap_time_ms", MS, "ms", "Since the start of the lap", "on no lap"),
        Column("x_m", pa.float32(), "m", "East-like coordinate of the circuit's own frame, to 1/16"),
        Column("y_m", pa.float32(), "m", "North-like coordinate of the circuit's own frame, to 1/16"),
        Column("z_m", pa.float32(), "m", "Height in the circuit's own frame, to 1/16"),
        Column("on_track", pa.bool_(), "", "Whether the upstream calls the car on track"),
        _LAP_DISTANCE,
        _RELATIVE_DISTANCE,
        Column("offset_m", pa.float32(), "m", "Distance from the outline, left positive", "no outline"),
    ),
)

#: Long, and asked for least: Polars fetches all that lies between the first and the last column it is asked for.
_LAST_OF_FRAMES = ("rpm", "interval_s")


def _channel(channel: Channel) -> Column:
    return Column(channel.column, channel.type, channel.unit, channel.description, channel.null)


FRAMES = Table(
    "frames",
    "a car at a tick, 25 a second",
    sorted_by=("car", "time_ms"),
    is_by_car=True,
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("time_ms", MS, CLOCK, "Tick of the common clock"),
        *(_channel(c) for c in CHANNELS if c.column not in _LAST_OF_FRAMES),
        Column("track_status", TEXT, "", "Track status code", "before the first is known"),
        *(_channel(c) for c in CHANNELS if c.column in _LAST_OF_FRAMES),
    ),
)

COVERAGE = Table(
    "coverage",
    "a channel of a car",
    columns=(
        Column("car", TEXT, "", "Racing number"),
        Column("channel", TEXT, "", "Channel, by its column in frames"),
        Column(
            "share",
            pa.float64(),
            "share",
            "Ticks with a value, from the start to the car's last moment; 0 to 1",
            "the car took no part",
        ),
    ),
)

FINDINGS = Table(
    "findings",
    "something that was checked and found wrong, doubtful or worth knowing",
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("kind", TEXT, "", "What was found; the page on quality lists all kinds"),
        Column("car", TEXT, "", "Racing number", "it is about the session"),
        Column("channel", TEXT, "", "Channel", "it is about more than one"),
        Column("start_ms", MS, CLOCK, "From", "it has no moment"),
        Column("end_ms", MS, CLOCK, "To", "it has no moment, or one alone"),
        Column("value", pa.float64(), "", "How much: a count, a length, a difference", "nothing to count"),
        Column(
            "measured", pa.float64(), "", "Where two sources differ: what timing or telemetry has", "no two sources"
        ),
        Column(
            "official", pa.float64(), "", "Where two sources differ: what the result or lap chart has", "no two sources"
        ),
        Column("unit", TEXT, "", "Unit of the values", "no values"),
        Column("severity", TEXT, "", "info, warning or error"),
        Column("cause", TEXT, "", "Why, as far as the data says", "unknown", longest=SENTENCE_LENGTH),
    ),
)

_PLACE = (
    Column("number", pa.int16(), "", "Its number"),
    Column("letter", TEXT, "", "Its letter, of a second one with the number", "none"),
    Column("x_m", pa.float32(), "m", "East-like coordinate of the circuit's own frame"),
    Column("y_m", pa.float32(), "m", "North-like coordinate of the circuit's own frame"),
    Column("angle_deg", pa.float64(), "°", "Where its label is drawn, seen from it"),
    Column(
        "lap_distance_m", pa.float32(), "m", "Distance along the track's outline, from the line", "there is no outline"
    ),
)

CORNERS = Table(
    "corners",
    "a corner, as the circuit service marks it",
    sorted_by=("number", "letter"),
    sources=(TIMING, CIRCUIT_SERVICE),
    columns=_PLACE,
)
MARSHAL_SECTORS = Table(
    "marshal_sectors",
    "the beginning of a marshal sector, as the circuit service marks it",
    sorted_by=("number", "letter"),
    sources=(TIMING, CIRCUIT_SERVICE),
    columns=_PLACE,
)
MARSHAL_LIGHTS = Table(
    "marshal_lights",
    "a marshal light, as the circuit service marks it",
    sorted_by=("number", "letter"),
    sources=(TIMING, CIRCUIT_SERVICE),
    columns=_PLACE,
)

CIRCUITS = Table(
    "circuits",
    "the circuit of the session",
    sources=(TIMING, CIRCUIT_SERVICE),
    columns=(
        Column("circuit", TEXT, "", "Circuit, as Formula 1 names it", "the upstream's session information lacks it"),
        Column("location", TEXT, "", "Place"),
        Column("country", TEXT, "", "Country"),
        Column("length_m", pa.float64(), "m", "Length of the track's outline, as driven", _NO_OUTLINE),
        Column("sector1_end_m", pa.float64(), "m", "Where sector 1 ends, from the line", _NO_SECTORS),
        Column("sector2_end_m", pa.float64(), "m", "Where sector 2 ends, from the line", _NO_SECTORS),
        Column("corners", pa.int16(), "", "How many corners it has", "the circuit service does not know it"),
        Column(
            "rotation_deg", pa.float64(), "°", "How far maps usually turn it", "the circuit service does not know it"
        ),
        Column("lowest_m", pa.float64(), "m", "Lowest point, in the circuit's own frame", _NO_OUTLINE),
        Column("highest_m", pa.float64(), "m", "Highest point, in the circuit's own frame", _NO_OUTLINE),
        Column("climb_m", pa.float64(), "m", "What a lap climbs in all", _NO_OUTLINE),
    ),
)

OUTLINE = Table(
    "outline",
    "a point of the track's outline, every 10 m, with its height",
    columns=(
        Column("lap_distance_m", pa.float32(), "m", "Distance along the track's outline, from the line"),
        Column("x_m", pa.float32(), "m", "East-like coordinate of the circuit's own frame"),
        Column("y_m", pa.float32(), "m", "North-like coordinate of the circuit's own frame"),
        Column("z_m", pa.float32(), "m", "Height in the circuit's own frame: the median of all samples there"),
    ),
)

_CAR = Column("car", TEXT, "", "Racing number")
_DRIVER = Column("driver", TEXT, "", "Three-letter code; with the number where two cars share it")

PIT_STOPS = Table(
    "pit_stops",
    "a way of a car through the pit lane in a race or sprint, from entry to exit",
    sorted_by=("in_ms", "car"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        _CAR,
        _DRIVER,
        Column("stop", pa.int16(), "", "Which of the car's, from 1"),
        Column("lap", pa.int16(), "lap", "Lap of the entry"),
        Column("in_ms", MS, CLOCK, "Entry into the pit lane"),
        Column("out_ms", MS, CLOCK, "Exit of the pit lane", "it did not come out again"),
        Column("lane_time_ms", MS, "ms", "From entry to exit", "it did not come out again"),
        Column(
            "stationary_ms",
            MS,
            "ms",
            "How long it stood, by the speed of its telemetry: good to a third of a second either way",
            "no telemetry, or it shows no standstill",
        ),
        Column(
            "tyres_changed", pa.bool_(), "", "Whether another stint begins", "it did not come out, or no tyres known"
        ),
        Column("compound_before", TEXT, "", "Tyre compound at the entry", _NO_TYRES),
        Column("compound_after", TEXT, "", "Tyre compound at the exit", "it did not come out, or no tyres known"),
        Column("tyre_age_before_laps", pa.int16(), "lap", "Laps on the set that came in", _NO_TYRES),
        Column(
            "tyre_fresh",
            pa.bool_(),
            "",
            "Whether the set it left with was new",
            "it did not come out, or no tyres known",
        ),
        Column("track_status", TEXT, "", "Track status code at the entry", "before the first is known"),
    ),
)

OVERTAKES = Table(
    "overtakes",
    "a car of a race or sprint that is ahead at a timing line of one that was ahead of it at the line before",
    sorted_by=("time_ms", "position", "passed_car"),
    sources=(*_TIMING_AND_RESULTS, CIRCUIT_SERVICE),
    columns=(
        Column("time_ms", MS, CLOCK, "When the order changed"),
        Column("lap", pa.int16(), "lap", "Lap of the car that passes", "unknown"),
        _CAR,
        _DRIVER,
        Column("passed_car", TEXT, "", "Racing number of the car that is passed"),
        Column("passed_driver", TEXT, "", "Its driver, as in driver"),
        Column("position", pa.int16(), "", "Position of the car that passes, then"),
        Column(
            "kind",
            TEXT,
            "",
            "track; start, before the leader ends lap 1; restart, in the first minute after a safety car or red flag; "
            "pit, one of them in the pit lane or on the lap after; retirement, the passed car has stopped; red_flag",
        ),
        Column(
            "lap_distance_m", pa.float32(), "m", "Where, from the line", "there is no outline, or a gap of the source"
        ),
        Column("corner", TEXT, "", "Nearest corner, with its letter", "no corners known, or the place is not"),
        Column("track_status", TEXT, "", "Track status code", "before the first is known"),
    ),
)

INTERVALS = Table(
    "intervals",
    "a car of a race or sprint at the end of a twentieth of a lap",
    sorted_by=("car", "lap", "mini_sector"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        _CAR,
        _DRIVER,
        Column("lap", pa.int16(), "lap", "Lap number, from 1"),
        Column("mini_sector", pa.int16(), "", "Which twentieth of the lap ends here, from 1; 20 ends at the line"),
        Column("time_ms", MS, CLOCK, "When the car was here"),
        Column("position", pa.int16(), "", "How many cars have been here, this one counted"),
        Column("gap_ms", MS, "ms", "Since the first car was here, laps down included"),
        Column("interval_ms", MS, "ms", "Since the car before was here", "it is the first"),
    ),
)

QUALIFYING_SEGMENTS = Table(
    "qualifying_segments",
    "a car's best lap in a part of a qualifying",
    sorted_by=("part", "position"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("part", TEXT, "", "Q1, Q2 or Q3; SQ1, SQ2 or SQ3"),
        Column("position", pa.int16(), "", "Place in the part, by these times"),
        _CAR,
        _DRIVER,
        Column("lap", pa.int16(), "lap", "Lap number, from 1"),
        Column("lap_time_ms", MS, "ms", "Its time"),
        Column("best_gap_ms", MS, "ms", "To the best of the part"),
        Column("end_ms", MS, CLOCK, "When it was set"),
        Column("compound", TEXT, "", "Tyre compound", _NO_TYRES),
        Column("tyre_age_laps", pa.int16(), "lap", "Laps on the set at the end of the lap", _NO_TYRES),
        Column("laps", pa.int16(), "lap", "Laps completed in the part"),
    ),
)

MINI_SECTORS = Table(
    "mini_sectors",
    "a colour of a mini-sector of a car's lap in practice or qualifying; one judged anew has another",
    sorted_by=("car", "time_ms"),
    document="mini_sectors",
    columns=(
        _CAR,
        _DRIVER,
        Column("lap", pa.int16(), "lap", "Lap number, from 1; the car may not have completed it"),
        Column("sector", pa.int16(), "", "Sector of the lap, from 1"),
        Column("mini_sector", pa.int16(), "", "Which of the sector's, from 1"),
        Column("time_ms", MS, CLOCK, "When live timing said so"),
        Column("status_code", pa.int16(), "", "Code as sent"),
        Column(
            "color",
            TEXT,
            "",
            "yellow (2048), green: the car's own best so far (2049), purple: the best of all so far (2051), pit: the "
            "pit lane (2064); Formula 1 documents no code, this is what its readers found",
            "nobody knows what the code means",
        ),
    ),
)

FASTEST_LAPS = Table(
    "fastest_laps",
    "a car's best lap of the session that counts",
    sorted_by=("rank",),
    sources=_TIMING_AND_RESULTS,
    columns=(
        Column("rank", pa.int16(), "", "Place by these times"),
        _CAR,
        _DRIVER,
        Column("lap", pa.int16(), "lap", "Lap number, from 1"),
        Column("lap_time_ms", MS, "ms", "Its time"),
        Column("best_gap_ms", MS, "ms", "To the best of the session"),
        Column("end_ms", MS, CLOCK, "When it was set"),
        Column("compound", TEXT, "", "Tyre compound", _NO_TYRES),
        Column("tyre_age_laps", pa.int16(), "lap", "Laps on the set at the end of the lap", _NO_TYRES),
        Column("speed_st_kmh", pa.float32(), "km/h", "Speed on the longest straight", "the trap did not measure it"),
    ),
)

LONG_RUNS = Table(
    "long_runs",
    "a long run of a practice: five and more laps one after the other on one set, none in, out or slow",
    sorted_by=("car", "first_lap"),
    sources=_TIMING_AND_RESULTS,
    columns=(
        _CAR,
        _DRIVER,
        Column("stint", pa.int16(), "", "Stint number, from 1", _NO_TYRES),
        Column("compound", TEXT, "", "Tyre compound", _NO_TYRES),
        Column("first_lap", pa.int16(), "lap", "Its first lap"),
        Column("last_lap", pa.int16(), "lap", "Its last lap"),
        Column("laps", pa.int16(), "lap", "How many"),
        Column("tyre_age_start_laps", pa.int16(), "lap", "Laps on the set when it began", _NO_TYRES),
        Column("mean_ms", pa.float64(), "ms", "Mean of the lap times"),
        Column("median_ms", pa.float64(), "ms", "Median of the lap times"),
        Column(
            "slope_ms", pa.float64(), "ms", "What a lap is slower than the one before: the median of all pairs' slopes"
        ),
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
        PIT_STOPS,
        OVERTAKES,
        INTERVALS,
        QUALIFYING_SEGMENTS,
        MINI_SECTORS,
        FASTEST_LAPS,
        LONG_RUNS,
        CIRCUITS,
        OUTLINE,
        CORNERS,
        MARSHAL_SECTORS,
        MARSHAL_LIGHTS,
        COVERAGE,
        FINDINGS,
    )
}

_SEASON = Column("year", pa.int16(), "", "Season")
_ROUND = Column("round", pa.int16(), "", "Round number; an alias, it can change", "a test, or fell off the schedule")
_EVENT = Column("event", TEXT, "", "Name of the race weekend")

EVENTS = Table(
    "events",
    "a race weekend or a test of the season's schedule",
    sorted_by=("year", "round"),
    is_of_season=True,
    columns=(
        _SEASON,
        _ROUND,
        _EVENT,
        Column("country", TEXT, "", "Country", "the schedule has none"),
        Column("location", TEXT, "", "Place", "the schedule has none"),
        Column("date", TEXT, "", "Day of the last session, as 2024-03-02", "the schedule has none"),
        Column("format", TEXT, "", "FastF1's name of the format: conventional, sprint and so on", "unknown"),
        Column("is_test", pa.bool_(), "", "Whether it is a test"),
        Column("first_start_utc", UTC, "", "Scheduled start of its first session", "the schedule has none"),
        Column("sessions", pa.int16(), "", "How many sessions it has"),
        Column("published", pa.int16(), "", "How many of them are published"),
    ),
)

STANDINGS = Table(
    "standings",
    "a driver or a constructor after a round",
    sorted_by=("year", "round", "championship", "position"),
    is_of_season=True,
    sources=_TIMING_AND_RESULTS,
    columns=(
        _SEASON,
        _ROUND,
        _EVENT,
        Column("championship", TEXT, "", "driver or constructor"),
        Column("position", pa.int16(), "", "Place after the round; equal points are told apart by places in races"),
        Column("id", TEXT, "", "The results service's name of driver or team; its code or name where it has none"),
        Column("name", TEXT, "", "Name of the driver or team", "the driver list has none"),
        Column("team", TEXT, "", "Team, of a driver the last one", "the driver list has none"),
        Column("points", pa.float32(), "", "Sum of the points in results of races and sprints"),
        Column("wins", pa.int16(), "", "Races won"),
        Column(
            "official_position",
            pa.int16(),
            "",
            "Place in the results service's standings after the round",
            "it has none, or has not been asked since the results are these",
        ),
        Column(
            "official_points",
            pa.float32(),
            "",
            "Points in the results service's standings after the round; other than points where stewards took some "
            "from a championship, not from a result",
            "as for official_position",
        ),
    ),
)

#: Tables that no session has: the season's own.
OF_THE_SEASON = {table.name: table for table in (EVENTS, STANDINGS)}
#: Tables of which there is one file for each season: all that are not by car, sample by sample.
OF_SEASONS = {name: table for name, table in TABLES.items() if not table.is_by_car}
#: Tables of which there is also one file for all seasons.
OF_ALL_SEASONS = ("results", "laps", "stints", "pit_stops", "sessions", "events")
#: Tables of which the file of a season, and that of all seasons, is there as CSV too: not those of several hundred
#: thousand rows, which no spreadsheet opens in good time.
SEASONS_AS_CSV = tuple(name for name in (*OF_SEASONS, *OF_THE_SEASON) if name != "intervals")
ALL_SEASONS_AS_CSV = tuple(name for name in OF_ALL_SEASONS if name != "laps")

#: The tables of what a recording holds, as the upstream has it.
RECORDED = tuple(table for table in (*TABLES.values(), RECORDED_LAPS, RECORDED_RESULTS) if table.recorded)


def published_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of ``table`` as published: identity columns in front of its own, if a session has it.

    The metadata of a column also say what FastF1 calls it.
    """
    if table.is_of_season:
        return table.schema
    names = FASTF1.get(table.name, {})
    schema = schema_of((*IDENTITY.values(), *table.columns))
    return pa.schema(
        [f.with_metadata({**f.metadata, "fastf1": names[f.name]}) if f.name in names else f for f in schema]
    )
