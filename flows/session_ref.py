"""Which session is meant, in one value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SessionRef:
    """A session: season, number and name of the race weekend, FastF1's identifier (``R``).

    ``api_path`` is the upstream's path of it (``/static/2024/.../``), under which FastF1 caches its topics; None where
    FastF1's schedule has not been asked for it (:func:`flows.upstream.load.locate`).
    """

    year: int
    round: int
    event: str
    code: str
    api_path: str | None = None

    @property
    def label(self) -> str:
        """How messages name the session, for example ``2024 round 1 Bahrain Grand Prix R``."""
        return f"{self.year} round {self.round} {self.event} {self.code}"

    @property
    def located_path(self) -> str:
        """The upstream's path, of a session that has been located.

        :raises ValueError: it has not.
        """
        if self.api_path is None:
            raise ValueError(f"{self.label} was not located before what the cache holds of it was asked for.")
        return self.api_path
