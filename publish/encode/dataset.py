"""Two descriptions of the season tables for tools that know a dataset by one: a Frictionless Data Package, Croissant.

Both are made from the declarations of the tables and name the files that the catalog for DuckDB reads. Neither holds
sizes or hashes: files are replaced under their names as sessions are published, and ``v1/files/<year>.json`` has those.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from publish import keys
from publish.encode.catalog import files_of
from publish.encode.files import dump_json
from publish.licence import LICENCE, UNOFFICIAL
from transforms.columns import IDENTITY, OF_ALL_SEASONS, OF_SEASONS, OF_THE_SEASON
from transforms.declare import Column, Table

Json = dict[str, Any]

_NAME = "parcferme"
_TITLE = "Formula 1 sessions: laps, results, stints, pit stops, weather and more"
_BIG = (
    "Telemetry, positions and frames are one Parquet file a session: v1/files/<year>.json lists them with their "
    "hashes, v1/schemas/tables.md says what every column means."
)
#: Of the contract, whose changes CHANGELOG.md tells.
_VERSION = "1.0.0"
_KEYWORDS = ["Formula 1", "motor racing", "lap times", "timing"]
#: https://datapackage.org/standard/data-package/
_PACKAGE_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
#: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html
_CROISSANT = "http://mlcommons.org/croissant/1.0"
#: The context that the specification prescribes.
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs",
            "column",
            "equivalentProperty",
            "extract",
            "field",
            "fileObject",
            "fileProperty",
            "fileSet",
            "format",
            "includes",
            "isLiveDataset",
            "jsonPath",
            "key",
            "md5",
            "parentField",
            "path",
            "recordSet",
            "references",
            "regex",
            "repeated",
            "replace",
            "samplingRate",
            "separator",
            "source",
            "subField",
            "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}


def data_package(seasons: Mapping[str, Sequence[int]]) -> bytes:
    """Return the Data Package of the tables of which there are files, by table the years; paths are relative to it."""
    package = {
        "$schema": _PACKAGE_PROFILE,
        "name": _NAME,
        "title": _TITLE,
        "description": f"{UNOFFICIAL} {_BIG}",
        "version": _VERSION,
        "keywords": _KEYWORDS,
        "licenses": [
            {"title": source.terms, "path": source.terms_url} for source in LICENCE.sources.values() if source.terms_url
        ],
        "sources": [{"title": source.name, "path": source.url} for source in LICENCE.sources.values()],
        "resources": [_resource(name, table, key) for name, table, key in _files(seasons)],
    }
    return dump_json(package)


def croissant(base_url: str, seasons: Mapping[str, Sequence[int]], published_on: str | None) -> bytes:
    """Return the same as JSON-LD of schema.org and Croissant, for a site at ``base_url`` without a slash at its end.

    ``published_on`` is the day the first of them was, as 2024-03-02.
    """
    files = list(_files(seasons))
    years = sorted({year for each in seasons.values() for year in each})
    dataset = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": _NAME,
        "alternateName": _TITLE,
        "description": f"{UNOFFICIAL} {_BIG}",
        "conformsTo": _CROISSANT,
        "version": _VERSION,
        "keywords": _KEYWORDS,
        "url": f"{base_url}/{keys.DATA_PAGE}",
        "citeAs": f"parcferme, {base_url}/",
        "creator": {"@type": "sc:Organization", "name": _NAME, "url": f"{base_url}/"},
        "license": [source.terms_url for source in LICENCE.sources.values() if source.terms_url],
        "isBasedOn": [source.url for source in LICENCE.sources.values()],
        **({"datePublished": published_on} if published_on else {}),
        **({"temporalCoverage": f"{years[0]:d}/{years[-1]:d}"} if years else {}),
        "isLiveDataset": True,
        "distribution": [_file_object(base_url, name, key) for name, _, key in files],
        "recordSet": [_record_set(name, table) for name, table, _ in files],
    }
    return dump_json(dataset)


def _files(seasons: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, Table, str]]:
    """Yield a name, the table and the key of every file: that of all seasons where there is one, else each season's."""
    for table in (OF_SEASONS | OF_THE_SEASON).values():
        years = sorted(seasons.get(table.name, ()))
        names = [table.name] if table.name in OF_ALL_SEASONS else [f"{table.name}-{year:d}" for year in years]
        if years:
            yield from ((name, table, key) for name, key in zip(names, files_of(table.name, years), strict=True))


def _columns(table: Table) -> tuple[Column, ...]:
    return table.columns if table.is_of_season else (*IDENTITY.values(), *table.columns)


def _resource(name: str, table: Table, key: str) -> Json:
    return {
        "name": name,
        "description": f"A row is {table.row}.",
        "path": key.removeprefix("v1/"),
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "schema": {"fields": [_table_field(column) for column in _columns(table)]},
    }


def _table_field(column: Column) -> Json:
    """Return a column as Table Schema has it; ``unit`` and ``null`` (what that means) are this product's own."""
    return {
        "name": column.name,
        "type": _kind(column.type, "boolean", "datetime", "integer", "number", "string"),
        "description": column.description,
        **({"unit": column.unit} if column.unit else {}),
        **({"null": column.null} if column.null else {"constraints": {"required": True}}),
    }


def _file_object(base_url: str, name: str, key: str) -> Json:
    # The media type that mlcroissant knows; the registered one it does not read.
    return {
        "@type": "cr:FileObject",
        "@id": f"{name}.parquet",
        "name": f"{name}.parquet",
        "contentUrl": f"{base_url}/{key}",
        "encodingFormat": "application/x-parquet",
    }


def _record_set(name: str, table: Table) -> Json:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"A record is {table.row}.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.name}",
                "name": column.name,
                "description": _sentence(column),
                "dataType": _kind(column.type, "sc:Boolean", "sc:DateTime", "sc:Integer", "sc:Float", "sc:Text"),
                "source": {"fileObject": {"@id": f"{name}.parquet"}, "extract": {"column": column.name}},
            }
            for column in _columns(table)
        ],
    }


def _sentence(column: Column) -> str:
    """Return meaning, unit and what null means; Croissant has a place for the first alone."""
    unit = f", in {column.unit}" if column.unit else ""
    return f"{column.description}{unit}" + (f"; null: {column.null}" if column.null else "")


def _kind(type_: pa.DataType, boolean: str, moment: str, integer: str, number: str, text: str) -> str:
    if pa.types.is_boolean(type_):
        return boolean
    if pa.types.is_timestamp(type_):
        return moment
    if pa.types.is_integer(type_):
        return integer
    return number if pa.types.is_floating(type_) else text
