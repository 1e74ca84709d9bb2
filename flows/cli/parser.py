"""What can be typed: the group of commands, and the options that several of them have.

A command is a function with its options declared above it, in ``commands`` and ``maintenance``. What it works with it
imports when it runs: ``--help`` and a typing error wait for Click, and for neither Prefect nor FastF1.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from transforms.session_types import SESSION_CODES

_VERBOSE = "parcferme.verbose"


@dataclass(frozen=True)
class Typed:
    """A command as it was typed: understood, not yet run. ``values`` are the arguments of its ``function``."""

    name: str
    values: Mapping[str, Any]
    verbose: bool
    function: Callable[..., int]

    def run(self) -> int:
        """Run it and return the exit code."""
        return self.function(**self.values)


def _remember(context: click.Context, _: click.Parameter, value: bool) -> bool:
    """Return whether the flag was given here or before: it may stand in front of the command or behind it."""
    given = value or context.meta.get(_VERBOSE, False)
    context.meta[_VERBOSE] = given
    return bool(given)


def _verbose(*, hidden: bool, expose_value: bool) -> click.Option:
    text = "show what goes on inside, and tracebacks"
    names = ["--verbose"]
    return click.Option(names, is_flag=True, callback=_remember, help=text, hidden=hidden, expose_value=expose_value)


class _Command(click.Command):
    """A command with ``--verbose``, which its function gets if it takes it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        takes_it = self.callback is not None and "verbose" in inspect.signature(self.callback).parameters
        self.params.append(_verbose(hidden=True, expose_value=takes_it))

    def invoke(self, ctx: click.Context) -> Typed:
        """Return what was typed. Click has understood all of it by now; nothing has run."""
        assert self.name is not None and self.callback is not None
        return Typed(self.name, ctx.params, ctx.meta[_VERBOSE], self.callback)


class _Commands(click.Group):
    """The commands, in the order in which they are declared."""

    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


cli = click.version_option(package_name="parcferme", message="%(prog)s %(version)s")(
    _Commands(
        "parcferme",
        params=[_verbose(hidden=False, expose_value=False)],
        help="Formula 1 session data, computed once and published as static files.",
        epilog="Settings come from the environment or a .env file: PARCFERME_DESTINATION, PARCFERME_PUBLIC_URL, "
        "PARCFERME_ARCHIVE, PARCFERME_CACHE_DIR, PARCFERME_OFFLINE.",
        no_args_is_help=False,
    )
)

YEAR = click.argument("year", type=int)
EVENT = click.argument("event", help="round or name, for example 1 or Bahrain")
SESSION_HELP = f"one of {', '.join(SESSION_CODES)}"
SESSION = click.argument("session", help=SESSION_HELP)
FORCE = click.option("--force", is_flag=True, help="compute even if nothing has changed")
SOURCE = click.option(
    "--source",
    type=click.Choice(["upstream", "archive", "auto"]),
    default=None,
    help="archive: compute from the raw data kept in PARCFERME_ARCHIVE, asking nobody else; auto: if it has the "
    "session, else from the upstream (default: PARCFERME_SOURCE, else upstream)",
)
PREFECT = click.option(
    "--prefect",
    is_flag=True,
    help="run it as a Prefect flow, with a temporary server where none is set",
)


def excludes(other: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """Return the check of a flag that cannot be given together with the flag ``--other``."""

    def check(context: click.Context, option: click.Parameter, value: bool) -> bool:
        if value and context.params.get(other):
            raise click.UsageError(f"{option.opts[0]} and --{other} exclude each other.", context)
        return value

    return check
