"""Which of several installations on one Prefect server this is: what one makes and finds never is another's.

``PARCFERME_ENVIRONMENT`` names it (``staging``); without it everything is called as it always was. The upstream's call
limits and the raw archive are shared: they are of this address, not of an installation.
"""

from flows.settings import read_settings

_NAME = "parcferme"


def tag() -> str:
    """Return what is on every deployment, run and automation of this environment: ``parcferme-staging``."""
    environment = read_settings().environment
    return f"{_NAME}-{environment}" if environment else _NAME


def own_name(name: str) -> str:
    """Return what ``name`` is called in this environment: ``staging-backfill``."""
    environment = read_settings().environment
    return f"{environment}-{name}" if environment else name


def own_path(path: str) -> str:
    """Return the deployment ``flow/name`` of this environment: ``backfill/staging-backfill``; flows are shared."""
    flow, _, name = path.partition("/")
    return f"{flow}/{own_name(name)}"


def plain_name(name: str) -> str:
    """Return what ``name`` of this environment is called without one."""
    return name.removeprefix(own_name(""))
