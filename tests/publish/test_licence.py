"""Sources and terms are said once and stand wherever published values do."""

import html
import json
from pathlib import Path

import pyarrow.parquet as pq
from session_data import CIRCUIT, IDENTITY_OF_SESSION, session_data

from publish import keys
from publish.contract.dictionary import schema_documents
from publish.encode.manifest import Manifest
from publish.encode.session import encode_session
from publish.licence import LICENCE, UNOFFICIAL, licence_text
from publish.season.index import RootIndex, update_root_index
from publish.site.files import PAGES, site_files
from publish.structs import decode_document
from transforms.columns import OF_THE_SEASON, TABLES


def test_every_table_and_document_has_sources_that_are_known(tmp_path: Path) -> None:
    assert set(TABLES | OF_THE_SEASON) | {"track", "quality"} == set(LICENCE.made_of)
    assert all(sources and set(sources) <= set(LICENCE.sources) for sources in LICENCE.made_of.values())
    assert LICENCE.made_of["weather"] == ("timing",) and "results" in LICENCE.made_of["results"]


def test_the_root_index_says_it_and_an_older_one_is_brought_up_to_date(file_store) -> None:
    update_root_index(file_store, years=(2024,))
    said = json.loads(file_store.read(keys.INDEX).data)
    assert said["licence"]["notice"] == UNOFFICIAL
    assert said["licence"]["sources"]["results"]["terms"].startswith("CC BY-NC-SA 4.0")
    file_store.write(keys.INDEX, json.dumps({k: v for k, v in said.items() if k != "licence"}).encode())
    assert update_root_index(file_store)
    assert decode_document(file_store.read(keys.INDEX).data, RootIndex, "it").licence == LICENCE


def test_a_revision_says_it_and_is_named_without_it(tmp_path: Path, monkeypatch) -> None:
    data = session_data()
    first = encode_session(IDENTITY_OF_SESSION, CIRCUIT, data, tmp_path / "1", made_with={"parcferme": "0"})
    assert decode_document(first.manifest, Manifest, "it").licence == LICENCE
    for item in first.objects:
        if item.path.endswith(".parquet"):
            name = Path(item.path).stem
            metadata = pq.read_metadata(item.file).metadata
            assert metadata[b"licence"].decode() == licence_text(TABLES[name].sources), name
    monkeypatch.setattr("publish.encode.manifest.LICENCE", None)
    monkeypatch.setattr("publish.encode.parquet.licence_text", lambda sources: "other terms")
    second = encode_session(IDENTITY_OF_SESSION, CIRCUIT, data, tmp_path / "2", made_with={"parcferme": "0"})
    assert keys.content_of(second.revision) == keys.content_of(first.revision)
    assert second.revision != first.revision


def test_pages_say_it() -> None:
    files = site_files()
    for page in PAGES:
        text = files[page].decode()
        assert html.escape(UNOFFICIAL) in text and 'href="v1/schemas/licence.md"' in text, page
    page = schema_documents()["v1/schemas/licence.md"].decode()
    assert UNOFFICIAL in page
    for source in LICENCE.sources.values():
        assert source.name in page and source.terms in page
    for name in LICENCE.made_of:
        assert f"| `{name}` | `timing`" in page
