"""What is written for people leads somewhere, names what there is, and stays short enough to be read."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from test_rooms import ORDER

from flows.settings import Settings
from publish.headers import IMMUTABLE, NONE, SHORT, headers_for

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "deployments" / "docs"
PUBLISHED = ROOT / "publish" / "docs"
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in ("site", "node_modules") for part in page.relative_to(ROOT).parts)
)
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
README = (ROOT / "README.md").read_text()


def prose_of(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))


def links_of(page: Path) -> Iterator[str]:
    text = prose_of(page)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r'<img src="([^"]+)"', text)


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def table_below(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its head left out."""
    lines = text.partition(f"\n{heading}\n")[2].partition("\n|---")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_there_are_pages_to_look_at() -> None:
    assert {"README.md", "deployments/RUNBOOK.md", "publish/docs/format.md"} <= set(NAMES)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links_of(page):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("page", sorted(PUBLISHED.glob("*.md")), ids=lambda page: page.name)
def test_published_pages_link_only_what_is_published_beside_them(page: Path) -> None:
    assert [link for link in links_of(page) if "/" in link and not link.startswith("https://")] == []


def test_every_picture_is_shown_and_small() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links_of(page) if link.endswith(".png")}
    assert shown == set(DOCS.glob("*.png"))
    for picture in shown:
        data = picture.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        assert (len(data) < 200_000, width <= 1280, height <= 800) == (True, True, True), picture.name


def test_the_readme_is_no_longer_than_can_be_read() -> None:
    assert len(README.splitlines()) <= 130


def test_the_readme_says_how_long_everything_is_kept() -> None:
    kept = {"60 s": SHORT, "a year": IMMUTABLE, "no": NONE}
    examples = {"<key>": "9472", "<rev>": "0123456789abcdef", "<year>": "2024", "<round>": "1", "<n>": "1", "*": "laps"}
    examples["<version>"] = "0123456789abcdef"
    rows = table_below(README, "## URLs (contract v1)")
    assert len(rows) > 15
    for urls, _, cached in rows:
        for url in re.findall("`([^`]+)`", urls):
            for placeholder, example in {**examples, "<session>": "R", "<table>": "laps"}.items():
                url = url.replace(placeholder, example)
            url = re.sub(r"\{(\w+)[^}]*\}", r"\1", url)
            assert headers_for(url).cache_control == kept[cached], url


def test_every_setting_is_explained() -> None:
    rows = table_below((DOCS / "settings.md").read_text(), "## parcferme's own")
    named = {name for row in rows for name in re.findall("`([A-Z0-9_]+)`", row[0])}
    assert named == {f"PARCFERME_{field.upper()}" for field in Settings.model_fields}


def test_every_room_is_explained() -> None:
    rows = table_below((DOCS / "architecture.md").read_text(), "## The rooms")
    named = [name for row in rows for name in re.findall("`([^`]+)`", row[0])]
    assert {name.removesuffix(".py").strip("/").replace("/", ".") for name in named} == set(ORDER)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_file_to_change_exists() -> None:
    rows = table_below((DOCS / "architecture.md").read_text(), "## Where do I change ...")
    assert len(rows) == 10
    for what, *where in rows:
        paths = [path for cell in where for path in re.findall("`([^`]+/[^`]*)`", cell)]
        assert paths, what
        assert [path for path in paths if not (ROOT / path).exists()] == [], what


def test_decisions_are_numbered_and_short() -> None:
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert len({record.name[:4] for record in records}) == len(records)
    for record in records:
        text = record.read_text()
        assert text.startswith(f"# {record.name[:4]} "), record.name
        assert len(text.splitlines()) <= 30, record.name
        assert "**Rejected**" in text, record.name
