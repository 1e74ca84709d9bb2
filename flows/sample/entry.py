"""The made-up teams and drivers of the sample season."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entrant:
    """One car: racing number, driver, team. ``color`` is the team's, six hexadecimal digits."""

    number: str
    code: str
    first_name: str
    last_name: str
    country: str
    nationality: str
    team: str
    team_id: str
    color: str

    @property
    def driver_id(self) -> str:
        """The results service's name of the driver."""
        return self.last_name.lower()


_TEAMS = (
    ("Aurelia", "aurelia", "C8102E"),
    ("Borealis Racing", "borealis", "1F6FEB"),
    ("Calder", "calder", "FF8A00"),
    ("Delphin", "delphin", "00A19C"),
    ("Equinox GP", "equinox", "6E3CBC"),
    ("Fenwick", "fenwick", "0B6E4F"),
    ("Galvan", "galvan", "F2C14E"),
    ("Halcyon", "halcyon", "5DADE2"),
    ("Ibex", "ibex", "8D99AE"),
    ("Juniper", "juniper", "E75A7C"),
)
_DRIVERS = (
    ("3", "MAR", "Iven", "Marrel", "NED", "Dutch"),
    ("5", "OKO", "Tobe", "Okonjo", "NGR", "Nigerian"),
    ("7", "LIN", "Saga", "Lindqvist", "SWE", "Swedish"),
    ("8", "PAZ", "Diego", "Pazmin", "ECU", "Ecuadorian"),
    ("9", "TAK", "Ren", "Takemori", "JPN", "Japanese"),
    ("12", "WEX", "Orla", "Wexcombe", "GBR", "British"),
    ("15", "DUV", "Luc", "Duvallon", "FRA", "French"),
    ("17", "KAL", "Mira", "Kalinska", "POL", "Polish"),
    ("19", "HAR", "Beau", "Harrigan", "AUS", "Australian"),
    ("21", "SIL", "Caio", "Silvane", "BRA", "Brazilian"),
    ("24", "NOV", "Petra", "Novarik", "CZE", "Czech"),
    ("26", "REY", "Tomas", "Reyhart", "ARG", "Argentine"),
    ("28", "BEC", "Jonas", "Beckhold", "GER", "German"),
    ("32", "ANS", "Kiri", "Ansley", "NZL", "New Zealander"),
    ("36", "FER", "Elio", "Ferrastro", "ITA", "Italian"),
    ("41", "CHO", "Min", "Chowdal", "KOR", "Korean"),
    ("52", "VAN", "Pim", "Vandere", "BEL", "Belgian"),
    ("64", "IRA", "Xabi", "Irazu", "ESP", "Spanish"),
    ("71", "QUI", "Noa", "Quillon", "CAN", "Canadian"),
    ("88", "ZEL", "Ada", "Zeller", "AUT", "Austrian"),
)

#: Every car of the season, by racing number.
ENTRANTS: dict[str, Entrant] = {
    driver[0]: Entrant(*driver, *_TEAMS[index // 2]) for index, driver in enumerate(_DRIVERS)
}
NUMBERS = tuple(ENTRANTS)


def codes(*names: str) -> tuple[str, ...]:
    """Return the racing numbers of three-letter codes."""
    by_code = {entrant.code: entrant.number for entrant in ENTRANTS.values()}
    return tuple(by_code[name] for name in names)
