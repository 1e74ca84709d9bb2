"""The command line ``parcferme``: reads what was typed, runs it, says how it ended.

Exit codes: 0 done, 1 something went wrong, 2 what was typed or set cannot be used, 130 interrupted, 143 terminated.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

# Both declare their commands when they are imported, in the order in which --help lists them.
from flows.cli import commands, fetching, maintenance  # noqa: F401
from flows.cli.parser import Typed, cli
from transforms.errors import ParcfermeError

_UNUSABLE = 2
_INTERRUPTED = 130
_TERMINATED = 143
#: What Prefect is told unless the user has said otherwise; it reads these when it is imported.
_PREFECT_DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    # The first start migrates a new database, which takes a slow machine its time.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
_PREFECT_QUIET = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    verbose = False
    try:
        typed = parse(sys.argv[1:] if arguments is None else arguments)
        if typed is None:
            return 0
        verbose = typed.verbose
        _prepare(verbose=verbose)
        return typed.run()
    except click.UsageError as error:
        return _fail(_usage(error), _UNUSABLE)
    except KeyboardInterrupt:
        return _fail(
            "Interrupted. What was published before is as it was; run it again to finish.", _INTERRUPTED, verbose
        )
    except _Terminated:
        return _fail(
            "Terminated. What was published before is as it was; run it again to finish.", _TERMINATED, verbose
        )
    except ParcfermeError as error:
        return _fail(str(error), error.exit_code, verbose)
    except Exception as error:
        return _fail(_unexpected(error), 1, verbose)
    finally:
        signal.signal(signal.SIGTERM, before)


def parse(words: Sequence[str]) -> Typed | None:
    """Read words as the command line does and run nothing; None where they ask for help or the version, now printed.

    :raises click.UsageError, InputError: the words are no command, or an option's value cannot be one.
    """
    typed = cli.main(list(words), prog_name="parcferme", standalone_mode=False)
    return typed if isinstance(typed, Typed) else None


class _Terminated(BaseException):
    """SIGTERM, so that what is to be cleaned up is: Prefect's temporary server does not outlive the command."""


def _raise_terminated(_number: int, _frame: object) -> None:
    raise _Terminated


def _prepare(*, verbose: bool) -> None:
    from flows.settings import export_foreign_variables

    export_foreign_variables()
    for name, value in (_PREFECT_DEFAULTS if verbose else _PREFECT_DEFAULTS | _PREFECT_QUIET).items():
        os.environ.setdefault(name, value)


def _fail(message: str, code: int, verbose: bool = False) -> int:
    if verbose:
        traceback.print_exc()
    sys.stderr.write(f"parcferme: {message}\n")
    return code


def _usage(error: click.UsageError) -> str:
    said = error.format_message().removesuffix(".")
    path = error.ctx.command_path if error.ctx else "parcferme"
    return f"{said}{'' if said.endswith(('?', '?)')) else '.'} See `{path} --help`."


def _unexpected(error: Exception) -> str:
    kind = f"{type(error).__module__}.{type(error).__name__}"
    if kind.startswith(("httpx.", "httpcore.")) or "Failed to reach API" in str(error):
        where = os.environ.get("PREFECT_API_URL", "its temporary address")
        return f"The Prefect server at {where} cannot be reached ({error}). Start it, or unset PREFECT_API_URL."
    if "ephemeral Prefect API server" in str(error):
        return (
            "Prefect's temporary server did not start in time. Run it again, or start one yourself with "
            "`prefect server start` and set PREFECT_API_URL=http://127.0.0.1:4200/api."
        )
    if isinstance(error, OSError):
        return f"{error}. Run it again with --verbose to see where."
    return f"Unexpected {type(error).__name__}: {error}. Run it again with --verbose and report what it says."


if __name__ == "__main__":
    sys.exit(main())
