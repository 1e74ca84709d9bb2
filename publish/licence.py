"""Where what is published comes from and on which terms, said once: everything that names them takes it from here."""

import textwrap
from collections.abc import Iterator
from typing import Annotated, Final

from publish.structs import Part, Sentence, about
from transforms.columns import OF_THE_SEASON, TABLES
from transforms.declare import CIRCUITS, RESULTS_SERVICE, TIMING

UNOFFICIAL: Final = (
    "Unofficial: not associated in any way with the Formula 1 companies. F1, FORMULA ONE, FORMULA 1, FIA FORMULA ONE "
    "WORLD CHAMPIONSHIP, GRAND PRIX and related marks are trade marks of Formula One Licensing B.V."
)


class LicenceSource(Part):
    """A source of published values."""

    name: str
    url: str
    terms: Sentence
    terms_url: Annotated[str | None, about("Where the terms are; null where the source states none")]


class Licence(Part):
    """Where published values come from and on which terms; whoever publishes them further is to keep to these."""

    notice: Sentence
    sources: dict[str, LicenceSource]
    made_of: Annotated[dict[str, tuple[str, ...]], about("Names of sources, by table or document")]


_SOURCES: Final = {
    TIMING: LicenceSource(
        "Formula 1 live timing",
        "https://livetiming.formula1.com",
        "Under Formula 1's terms: personal use, no commercial one",
        "https://account.formula1.com/#/en/terms-of-use",
    ),
    RESULTS_SERVICE: LicenceSource(
        "Jolpica F1, the results service",
        "https://api.jolpi.ca/ergast/",
        "CC BY-NC-SA 4.0: name the source, no commercial use, pass on under the same licence",
        "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    ),
    CIRCUITS: LicenceSource(
        "MultiViewer's circuit service", "https://api.multiviewer.app", "States none of its own", None
    ),
}
#: Documents that hold no table, by the names of their objects.
_DOCUMENTS: Final = {"quality": (TIMING, RESULTS_SERVICE), "track": (TIMING, CIRCUITS)}

_TABLES: Final = {name: table.sources for name, table in (TABLES | OF_THE_SEASON).items()}

LICENCE: Final = Licence(UNOFFICIAL, _SOURCES, _TABLES | _DOCUMENTS)


def licence_text(made_of: tuple[str, ...]) -> str:
    """Return notice and terms of what is made of these sources, in one line."""
    terms = (f"{_SOURCES[name].name}: {_SOURCES[name].terms}" for name in made_of)
    return " | ".join([UNOFFICIAL, *terms])


def notice_text() -> str:
    """Return the file ``NOTICE``: what goes along with the program."""
    lines = ["parcferme", "", *_wrapped(UNOFFICIAL), ""]
    lines += [
        *_wrapped(
            "The program is under the MIT licence (LICENSE). No data is part of it. What it publishes is made "
            "of what others offer, on their terms:"
        ),
        "",
    ]
    for source in _SOURCES.values():
        lines += [f"- {source.name}, {source.url}", f"  {source.terms}."]
        lines += [f"  {source.terms_url}"] if source.terms_url else []
    lines += [
        "",
        *_wrapped(
            "Which table comes from where is said in index.json (licence), in every manifest, in each "
            "Parquet file and in v1/schemas/licence.md of a publication."
        ),
        "",
    ]
    return "\n".join(lines)


def licence_page() -> str:
    """Return the same for readers of the data, with the tables, as a page in Markdown."""
    return "\n".join(_page_lines())


def _page_lines() -> Iterator[str]:
    yield "# Sources and terms"
    yield ""
    yield UNOFFICIAL
    yield ""
    yield "What is published is made of what others offer, on their terms. Whoever publishes it further is to keep to"
    yield "them."
    yield ""
    yield "| source | what it is | terms |"
    yield "|---|---|---|"
    for name, source in _SOURCES.items():
        terms = f"[{source.terms}]({source.terms_url})" if source.terms_url else source.terms
        yield f"| `{name}` | [{source.name}]({source.url}) | {terms} |"
    yield ""
    yield "| table or document | comes from |"
    yield "|---|---|"
    for name, sources in LICENCE.made_of.items():
        yield f"| `{name}` | {', '.join(f'`{source}`' for source in sources)} |"
    yield ""
    yield "The same stands in `licence` of `index.json` and of every manifest, and in the metadata `licence` of every"
    yield "Parquet file of a session."
    yield ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100)
