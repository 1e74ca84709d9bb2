"""What people call race weekends: by name, place, circuit and country, and what each of these is also called.

Schedules have one name of each. Circuits are in none of them, so the common ones stand here by the places that
FastF1's schedules have had since 2018.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from publish.season.document import Event

#: How alike what was typed and a name must be to be taken for it, 0 to 1, and by how much less alike any other event's
#: names must be: publishing the wrong race costs more than typing again.
_CLOSE, _CLEARLY = 0.8, 0.05
#: Fewer letters than this are no beginning of a name.
_BEGINNING_CHARS = 3
#: How alike names are that a refusal offers, 0 to 1.
_NEAR = 0.5
_COMMON_WORDS = frozenset(("grand", "prix", "gp", "the", "of", "circuit", "autodromo", "formula", "f1"))

#: Countries with other names than the schedule's, each line one country; the people's included where no event has it.
_COUNTRIES = (
    ("united states", "united states america", "usa", "us", "america", "american"),
    ("great britain", "united kingdom", "britain", "uk", "gb", "england"),
    ("united arab emirates", "emirates", "uae", "abu dhabi"),
    ("netherlands", "holland"),
    ("saudi arabia", "saudi", "ksa"),
    ("brazil", "brasil", "brazilian"),
    ("mexico", "mexican"),
    ("germany", "german", "deutschland"),
    ("turkey", "turkiye"),
    ("monaco", "monte carlo"),
)
#: Circuits and what else is said for where they are, by place.
_PLACES = {
    "austin": ("cota", "americas", "texas"),
    "baku": ("baku city",),
    "barcelona": ("catalunya", "catalonia", "barcelona catalunya", "montmelo"),
    "budapest": ("hungaroring", "mogyorod"),
    "hockenheim": ("hockenheimring",),
    "imola": ("enzo e dino ferrari", "enzo dino ferrari", "san marino"),
    "istanbul": ("istanbul park", "intercity istanbul park"),
    "jeddah": ("jeddah corniche", "corniche"),
    "las vegas": ("vegas", "las vegas strip", "strip", "nevada"),
    "le castellet": ("paul ricard", "castellet", "ricard"),
    "lusail": ("losail", "doha"),
    "madrid": ("madring", "ifema"),
    "marina bay": ("singapore", "marina bay street"),
    "melbourne": ("albert park",),
    "mexico city": ("hermanos rodriguez", "rodriguez", "ciudad de mexico"),
    "miami": ("miami gardens", "miami international autodrome", "hard rock", "hard rock stadium", "florida"),
    "monaco": ("monte carlo",),
    "montreal": ("gilles villeneuve", "villeneuve", "ile notre dame", "quebec"),
    "monza": ("nazionale monza", "nazionale di monza"),
    "mugello": ("scarperia",),
    "nurburgring": ("nurburg", "nuerburgring", "nordschleife"),
    "portimao": ("algarve", "international do algarve"),
    "sakhir": ("bahrain international",),
    "sao paulo": ("interlagos", "jose carlos pace", "carlos pace"),
    "shanghai": ("shanghai international",),
    "silverstone": ("northamptonshire",),
    "sochi": ("sochi autodrom",),
    "spa francorchamps": ("spa", "francorchamps", "stavelot"),
    "spielberg": ("red bull ring", "a1 ring", "osterreichring", "zeltweg"),
    "suzuka": ("suzuka international",),
    "yas marina": ("yas island", "yas", "abu dhabi"),
    "zandvoort": ("cmcom zandvoort",),
}

#: Names of one event, those that say most first.
Tiers = tuple[frozenset[str], ...]


def fold(text: str) -> str:
    """Return ``text`` in lower case without accents, punctuation and words that any event could have."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    # Letters that are no others with an accent; points are those of abbreviations.
    plain = plain.replace("ø", "o").replace("ı", "i").replace(".", "")
    return " ".join(word for word in re.findall(r"\w+", plain) if word not in _COMMON_WORDS)


def names_of(event: Event) -> Tiers:
    """Return what an event is called: its own name, its place and circuit, its country."""
    place, country = fold(event.location or ""), fold(event.country or "")
    return (
        frozenset((fold(event.name),)),
        frozenset((place, *_also(place, ((p, *others) for p, others in _PLACES.items())))),
        frozenset((country, *_also(country, _COUNTRIES))),
    )


def _also(name: str, groups: Iterable[Sequence[str]]) -> set[str]:
    return {other for group in groups if name in group for other in group} - {""}


def named(events: Sequence[Event], text: str) -> tuple[Event, ...]:
    """Return the events that ``text`` names: exactly one where it is clear; several where it is not; none.

    An event's own name counts most, then its place and circuit, then its country: "USA" is the United States Grand Prix
    before it is any other in that country. Then whole words and beginnings of names, then slips of the pen.
    """
    wanted = fold(text)
    if not wanted:
        return ()
    tiers = {id(event): names_of(event) for event in events}
    same = {wanted} | _also(wanted, _COUNTRIES)
    for tier in range(3):
        if found := tuple(event for event in events if same & tiers[id(event)][tier]):
            return found
    if len(wanted) >= _BEGINNING_CHARS:
        for is_part in (_is_word_of, _is_beginning_of):
            for tier in range(3):
                if found := tuple(e for e in events if any(is_part(wanted, name) for name in tiers[id(e)][tier])):
                    return found
    return _closest(events, wanted)


def _is_word_of(wanted: str, name: str) -> bool:
    return f" {wanted} " in f" {name} "


def _is_beginning_of(wanted: str, name: str) -> bool:
    return f" {name}".find(f" {wanted}") >= 0


def _closest(events: Sequence[Event], wanted: str) -> tuple[Event, ...]:
    """The events with a name a slip of the pen away, those of the closest kind of name that are about as close."""
    for tier in range(3):
        alike = [_likeness(names_of(event)[tier], wanted) for event in events]
        best = max(alike, default=0.0)
        if best >= _CLOSE:
            return tuple(event for event, own in zip(events, alike, strict=True) if own >= best - _CLEARLY)
    return ()


def nearest(events: Sequence[Event], text: str, most: int = 3) -> tuple[Event, ...]:
    """Return the events with the names most like ``text``, the closest first; none where none is near."""
    wanted = fold(text)
    alike = [_likeness(frozenset[str]().union(*names_of(event)), wanted) for event in events]
    ranked = sorted(range(len(events)), key=lambda n: -alike[n])
    return tuple(events[n] for n in ranked[:most] if alike[n] >= _NEAR)


def _likeness(names: frozenset[str], wanted: str) -> float:
    return max((difflib.SequenceMatcher(None, wanted, name).ratio() for name in names), default=0.0)
