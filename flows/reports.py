"""What a run hands back: small, plain, and enough for a table."""

from dataclasses import dataclass

from publish.season_document import AWAITING_DATA, FAILED, PUBLISHED, SCHEDULED, UNAVAILABLE

#: States of a session after a run that nobody has to act on.
GOOD_STATES = frozenset({PUBLISHED, AWAITING_DATA, UNAVAILABLE, SCHEDULED})


@dataclass(frozen=True)
class PublishReport:
    """What became of one session.

    ``state`` is the season index's; ``frames`` the ticks of the common clock; ``bytes`` the size of the whole revision,
    ``seconds`` the time this run took. ``unchanged`` means that nothing had to be computed. ``message`` says why
    there is no publication, where there is none.
    """

    year: int
    round: int
    event: str
    code: str
    state: str
    grade: str | None = None
    frames: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    revision: str | None = None
    session_key: int | None = None
    unchanged: bool = False
    message: str | None = None

    @property
    def label(self) -> str:
        """How messages name the session, for example ``2024 round 1 Bahrain Grand Prix R``."""
        return f"{self.year} round {self.round} {self.event} {self.code}"

    @property
    def has_failed(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state == FAILED


def summary_of(reports: list[PublishReport]) -> str:
    """Return one sentence on ``reports``: how many failed and which, or that all went well."""
    failed = [report for report in reports if report.has_failed]
    if failed:
        named = ", ".join(f"round {r.round} {r.code}" for r in failed)
        return f"{len(failed)} of {len(reports)} sessions failed: {named}"
    if reports and all(report.unchanged for report in reports):
        return f"Everything is up to date: {len(reports)} sessions"
    published = sum(report.state == PUBLISHED for report in reports)
    return f"{published} of {len(reports)} sessions are published"
