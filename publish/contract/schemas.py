"""A JSON Schema (draft 2020-12) for every published document, made from the declared columns and channels."""

import pyarrow as pa

from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import CHUNK_MS, RATES
from publish.encode.documents import TABLE_DOCUMENTS
from publish.live.runs import KINDS, MAX_LISTED, OUTCOMES
from publish.live.status import COMPLETE, ERROR, PROGRESS
from publish.revisions.diff import MAX_LISTED_RESULTS
from publish.revisions.latest import CODE_CHANGED, FIRST, FORCED, ROLLED_BACK, UPSTREAM_CHANGED
from publish.season.document import AWAITING_DATA, CANCELLED, FAILED, PUBLISHED, SCHEDULED, UNAVAILABLE
from transforms.columns import TABLES
from transforms.declare import Channel, Column
from transforms.frames import STATES
from transforms.quality import GRADES
from transforms.session_types import SESSION_CODES

Schema = dict[str, object]

_INTEGER: Schema = {"type": "integer"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_MOMENT: Schema = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"}
_DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d"}
_REVISION: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_GRADE: Schema = {"enum": list(GRADES)}
_CODE: Schema = {"enum": list(SESSION_CODES)}
_YEAR: Schema = {"type": "integer", "minimum": 1950}
_CAPABILITIES: Schema = {"type": "object", "additionalProperties": _BOOLEAN}

_SEASON_STATES = (SCHEDULED, AWAITING_DATA, PUBLISHED, UNAVAILABLE, FAILED, CANCELLED)
_REASONS = (FIRST, UPSTREAM_CHANGED, CODE_CHANGED, FORCED, ROLLED_BACK)
_KINDS = ("frames", "overview", "rows", "table", "track", "quality", *TABLE_DOCUMENTS)


def document_schemas() -> dict[str, Schema]:
    """Return the schema of every document, by the document's name."""
    made = {
        "index": _index(),
        "season": _season(),
        "latest": _latest(),
        "manifest": _manifest(),
        "frames": _frames(),
        "track": _track(),
        "quality": _quality(),
        "status": _status(),
        "health": _health(),
        "runs": _runs_document(),
        "rows": _rows(),
        **{name: _table_document(name, TABLES[table].columns) for name, table in TABLE_DOCUMENTS.items()},
    }
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{name}.json",
            "title": f"parcferme {name}",
            **schema,
        }
        for name, schema in made.items()
    }


def _object(properties: dict[str, Schema], optional: dict[str, Schema] | None = None, **facts: object) -> Schema:
    """An object with exactly ``properties``, all required, and perhaps some of ``optional``."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
        **facts,
    }


def _document(name: str, properties: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return _object({"schema": {"const": f"parcferme/{name}/1"}, **properties}, optional)


def _list(items: Schema, **facts: object) -> Schema:
    return {"type": "array", "items": items, **facts}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _tuple(*items: Schema) -> Schema:
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": len(items)}


def _described(schema: Schema, description: str, unit: str = "") -> Schema:
    return {**schema, "description": f"{description} ({unit})" if unit else description}


def _index() -> Schema:
    season = _object({"year": _YEAR, "index": _described(_TEXT, "Relative to the base URL")})
    links = _described({"type": "object"}, "Further documents by name, relative to the base URL")
    return _document("index", {"contract": {"const": 1}, "seasons": _list(season), "links": links})


def _season() -> Schema:
    session = _object(
        {
            "code": _TEXT,
            "name": _TEXT,
            "start_utc": _or_null(_MOMENT),
            "state": {"enum": list(_SEASON_STATES)},
            "session_key": _or_null(_INTEGER),
            "revision": _or_null(_REVISION),
            "manifest": _described(_or_null(_TEXT), "Relative to the base URL"),
            "grade": _or_null(_GRADE),
            "capabilities": _or_null(_CAPABILITIES),
        }
    )
    event = _object(
        {
            "round": _described(_or_null(_COUNT), "Null once it fell off the schedule"),
            "name": _TEXT,
            "country": _or_null(_TEXT),
            "location": _or_null(_TEXT),
            "date": _or_null(_DATE),
            "format": _or_null(_TEXT),
            "testing": _BOOLEAN,
            "sessions": _list(session),
        }
    )
    return _document("season", {"year": _YEAR, "events": _list(event)})


def _latest() -> Schema:
    value: Schema = {"type": ["string", "number", "boolean", "null"]}
    facts: dict[str, Schema] = {"before": value, "after": value}
    change = _object({"car": _TEXT, "field": _described(_TEXT, "Column; car: it came or went"), **facts})
    step = _object(
        {
            "revision": _REVISION,
            "published_at": _MOMENT,
            "reason": {"enum": list(_REASONS)},
            "grade": _or_null(_GRADE),
            "changed_objects": _described(_list(_TEXT), "Paths within the revision; a folder for its chunks"),
        },
        optional={
            "results": _described(
                _list(change, maxItems=MAX_LISTED_RESULTS), "Results that differ from the step before"
            ),
            "results_left_out": _described(_COUNT, "Changes of results that are not listed"),
        },
    )
    return _document(
        "latest",
        {
            "session_key": _INTEGER,
            "year": _YEAR,
            "round": _described(_or_null(_COUNT), "Null once another event took the number"),
            "event": _TEXT,
            "session": _CODE,
            "revision": _REVISION,
            "manifest": _described(_TEXT, "Relative to this document"),
            "grade": _or_null(_GRADE),
            "capabilities": _or_null(_CAPABILITIES),
            "inputs_sha256": _TEXT,
            "code_sha256": _TEXT,
            "revisions": _described(_list(step, minItems=1), "Newest first"),
        },
        optional={"withheld": _described(_list(_REVISION), "Rolled back from; only a forced run brings one back")},
    )


def _manifest() -> Schema:
    event = dict.fromkeys(("name", "official_name", "country", "location"), _TEXT)
    clock: dict[str, Schema] = {
        "utc_origin": _described(_or_null(_MOMENT), "UTC at tick 0"),
        "duration_ms": _COUNT,
        "session_time_origin_ms": _described(_INTEGER, "FastF1's session time at tick 0"),
        "race_start_ms": _or_null(_INTEGER),
    }
    driver = dict.fromkeys(("number", "code", "first_name", "last_name", "team"), _TEXT)
    return _document(
        "manifest",
        {
            "session_key": _INTEGER,
            "meeting_key": _INTEGER,
            "year": _YEAR,
            "round": _COUNT,
            "event": _object({**event, "circuit": _or_null(_TEXT)}),
            "session": _object({"code": _CODE, "name": _TEXT, "date": _DATE, "start_utc": _or_null(_MOMENT)}),
            "revision": _REVISION,
            "clock": _object(clock),
            "drivers": _list(_object({**driver, "color": _or_null({"type": "string", "pattern": "^#[0-9a-f]{6}$"})})),
            "total_laps": _or_null(_COUNT),
            "grade": _GRADE,
            "capabilities": _CAPABILITIES,
            "frames": _object(
                {"fps": {"const": list(RATES)}, "chunk_ms": {"const": CHUNK_MS}, "channels": _map(_channel())}
            ),
            "objects": _list(_manifest_entry()),
            "made_with": _described(_map(_TEXT), "Versions; not part of the revision's name"),
        },
    )


def _channel() -> Schema:
    return _object(
        {
            "unit": _TEXT,
            "scale": _described(_NUMBER, "value = integer * scale"),
            "kind": {"enum": ["continuous", "held"]},
            "column": _described(_TEXT, "The same quantity in the Parquet table of frames"),
            "description": _TEXT,
        }
    )


def _manifest_entry() -> Schema:
    return _object(
        {
            "path": _described(
                {"type": "string", "pattern": r"^[a-z0-9_]+(/[a-z0-9_.]+)*"}, "Relative to the manifest"
            ),
            "kind": {"enum": list(_KINDS)},
            "bytes": _COUNT,
            "sha256": _SHA256,
            "content_encoding": {"enum": ["gzip", None]},
        },
        optional={
            "fps": {"enum": list(RATES)},
            "start_ms": _COUNT,
            "end_ms": _described(_COUNT, "The first tick after the last one in it"),
            "rows": _COUNT,
        },
    )


def _runs(value: Schema) -> Schema:
    return _list(_tuple(_COUNT, _or_null(value)), minItems=1)


def _frame_channel(channel: Channel) -> Schema:
    if channel.kind == "continuous":
        return _described(_list({"type": ["integer", "null"]}), channel.description, channel.unit)
    names: Schema = {"enum": list(STATES)} if channel.names == "states" else _TEXT
    return _described(_runs(names if channel.names else _INTEGER), channel.description, channel.unit)


def _frames() -> Schema:
    channels = {channel.name: _frame_channel(channel) for channel in CONTINUOUS + HELD}
    return _document(
        "frames",
        {
            "session_key": _INTEGER,
            "fps": {"enum": list(RATES)},
            "start_ms": _COUNT,
            "ticks": _described(_COUNT, "Tick i is at start_ms + i * 1000 / fps"),
            "track_status": _described(_runs(_TEXT), "Runs: tick, value"),
            "leader_lap": _described(_runs(_INTEGER), "Runs: tick, value; null where there is no order on track"),
            "cars": _map(_object({}, optional=channels)),
        },
    )


def _track() -> Schema:
    corner = dict.fromkeys(("x", "y", "angle_deg", "distance_m"), _NUMBER)
    return _document(
        "track",
        {
            "session_key": _INTEGER,
            "unit": {"const": "m"},
            "x": _list(_NUMBER),
            "y": _list(_NUMBER),
            "distance": _list(_NUMBER),
            "length_m": _NUMBER,
            "sectors_m": _or_null(_tuple(_NUMBER, _NUMBER)),
            "rotation_deg": _or_null(_NUMBER),
            "corners": _or_null(_list(_object({"number": _INTEGER, "letter": _TEXT, **corner}))),
            "laps_used": _COUNT,
        },
    )


def _quality() -> Schema:
    report = _document("quality", {"session_key": _INTEGER, "grade": _GRADE})
    return {**report, "additionalProperties": True}


def _status() -> Schema:
    return _document(
        "status",
        {
            "type": {"enum": [PROGRESS, AWAITING_DATA, COMPLETE, ERROR]},
            "state": _TEXT,
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "message": _TEXT,
            "flow_run_id": _TEXT,
            "flow_run_name": _TEXT,
            "started_at": _MOMENT,
            "updated_at": _MOMENT,
            "error": _or_null(_TEXT),
        },
        optional={
            "flow_run_url": _or_null(_TEXT),
            "next_attempt_at": _described(_or_null(_MOMENT), "When a run that waits for data tries again"),
        },
    )


def _health() -> Schema:
    states = ["healthy", "degraded", "failing"]
    return _document(
        "health",
        {
            "state": {"enum": states},
            "checked_at": _MOMENT,
            "valid_until": _MOMENT,
            "checks": _list(_object({"name": _TEXT, "state": {"enum": states}, "message": _TEXT})),
        },
    )


def _runs_document() -> Schema:
    session: dict[str, Schema] = {"year": _YEAR, "round": _COUNT, "event": _TEXT, "session": _CODE}
    run: dict[str, Schema] = {
        "flow_run_id": _TEXT,
        "flow_run_name": _TEXT,
        "flow_run_url": _or_null(_TEXT),
        "started_at": _MOMENT,
        "status": _described(_TEXT, "Its status document, relative to the base URL"),
    }
    end: dict[str, Schema] = {
        "ended_at": _MOMENT,
        "state": {"enum": list(OUTCOMES)},
        "message": _TEXT,
        "grade": _or_null(_GRADE),
        "revision": _or_null(_REVISION),
    }
    plan: dict[str, Schema] = {
        "kind": {"enum": list(KINDS)},
        "expected_at": _MOMENT,
        **{name: _or_null(_TEXT) for name in ("flow_run_id", "flow_run_name", "flow_run_url")},
    }
    return _document(
        "runs",
        {
            "updated_at": _MOMENT,
            "running": _list(_object({**session, **run})),
            "recent": _described(_list(_object({**session, **run, **end}), maxItems=MAX_LISTED), "Newest first"),
            "next": _described(_list(_object({**session, **plan}), maxItems=MAX_LISTED), "Soonest first"),
        },
    )


def _rows() -> Schema:
    integers = dict.fromkeys(("lap", "tyre", "position"), _INTEGER)
    integers |= dict.fromkeys(("speed", "gear", "drs"), _or_null(_INTEGER))
    numbers = {name: _or_null(_NUMBER) for name in ("y", "dist")}
    car = _object({"x": _NUMBER, "rel_dist": _NUMBER, **numbers, **integers})
    status = _object({"status": _TEXT, "start_time": _NUMBER, "end_time": _or_null(_NUMBER)})
    color = _list({"type": "integer", "minimum": 0, "maximum": 255}, minItems=3, maxItems=3)
    return _object(
        {
            "frames": _list(_object({"t": _NUMBER, "lap": _INTEGER, "drivers": _map(car)})),
            "driver_colors": _map(color),
            "track_statuses": _list(status),
        }
    )


def _table_document(name: str, columns: tuple[Column, ...]) -> Schema:
    column = _object({"name": _TEXT, "unit": _TEXT, "description": _TEXT})
    row = {c.name: _described(_or_null(_json_type(c.type)), c.description, c.unit) for c in columns}
    return _document(name, {"session_key": _INTEGER, "columns": _list(column), "rows": _list(_object(row))})


def _json_type(kind: pa.DataType) -> Schema:
    """Return what a column's value is in JSON."""
    if pa.types.is_boolean(kind):
        return _BOOLEAN
    if pa.types.is_integer(kind):
        return _INTEGER
    if pa.types.is_floating(kind):
        return _NUMBER
    return _MOMENT if pa.types.is_timestamp(kind) else _TEXT
