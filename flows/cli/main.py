"""The command line ``parcferme``: reads what was typed, runs it, says how it ended.

Exit codes: 0 done, 1 something went wrong, 2 what was typed or set cannot be used, 130 interrupted, 143 terminated.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

# All else is imported where it is needed: --help and a typing error must not wait for Prefect and FastF1.
from transforms.errors import ParcfermeError

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
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        _prepare(verbose=options.verbose)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except KeyboardInterrupt:
        return _fail(
            "Interrupted. What was published before is as it was; run it again to finish.", _INTERRUPTED, options
        )
    except _Terminated:
        return _fail(
            "Terminated. What was published before is as it was; run it again to finish.", _TERMINATED, options
        )
    except ParcfermeError as error:
        return _fail(str(error), error.exit_code, options)
    except Exception as error:
        return _fail(_unexpected(error), 1, options)
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """SIGTERM, so that what is to be cleaned up is: Prefect's temporary server does not outlive the command."""


def _raise_terminated(_number: int, _frame: object) -> None:
    raise _Terminated


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import version

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="show what goes on inside, and tracebacks")
    parser = argparse.ArgumentParser(
        prog="parcferme",
        description="Formula 1 session data, computed once and published as static files.",
        epilog="Settings come from the environment or a .env file: PARCFERME_DESTINATION, PARCFERME_PUBLIC_URL, "
        "PARCFERME_ARCHIVE, PARCFERME_CACHE_DIR, PARCFERME_OFFLINE.",
    )
    parser.add_argument("--version", action="version", version=f"parcferme {version('parcferme')}")
    parser.add_argument("--verbose", action="store_true", help="show what goes on inside, and tracebacks")
    commands = parser.add_subparsers(required=True, metavar="command")

    publish = commands.add_parser("publish", help="publish one session")
    publish.add_argument("year", type=int)
    publish.add_argument("event", help="round or name, for example 1 or Bahrain")
    publish.add_argument("session", help="R, S, Q, SQ, FP1, FP2 or FP3")
    publish.add_argument("--force", action="store_true", help="compute it even if nothing has changed")
    publish.add_argument("--refetch", action="store_true", help="download it anew; published only if it differs")
    _add_source(publish)
    publish.set_defaults(command=_publish)

    backfill = commands.add_parser("backfill", help="publish many sessions of a season")
    backfill.add_argument("year", type=int)
    backfill.add_argument("--rounds", default="all", help="for example 1,8 or 1-5; all by default")
    backfill.add_argument("--sessions", default="all", help="for example R,Q; all by default")
    backfill.add_argument("--force", action="store_true", help="compute them even if nothing has changed")
    _add_source(backfill)
    backfill.set_defaults(command=_backfill)

    index = commands.add_parser("index", help="(re)write the index of a season")
    index.add_argument("year", type=int)
    index.set_defaults(command=_index)

    inspect = commands.add_parser("inspect", help="print the verdict on a session's data")
    inspect.add_argument("year", type=int)
    inspect.add_argument("event", help="round or name, for example 1 or Bahrain")
    inspect.add_argument("session", help="R, S, Q, SQ, FP1, FP2 or FP3")
    inspect.set_defaults(command=_inspect)

    _add_maintenance(commands)
    _add_health(commands)
    serve = commands.add_parser("serve", help="serve the destination on this machine")
    serve.add_argument("--port", type=int, default=8000)
    serve.set_defaults(command=_serve)

    deploy = commands.add_parser("deploy", help="register everything with the Prefect server of PREFECT_API_URL")
    deploy.add_argument("--prefect-file", type=Path, help="another file than deployments/prefect.yaml")
    deploy.set_defaults(command=_deploy)

    demo = commands.add_parser("demo", help="publish the built-in sample season")
    demo.set_defaults(command=_demo)
    for command in commands.choices.values():
        # SUPPRESS: a flag not given after the command must not undo one given before it.
        command.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--source",
        choices=("upstream", "archive"),
        default="upstream",
        help="archive: compute from the raw data kept in PARCFERME_ARCHIVE, asking nobody else",
    )


def _add_maintenance(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rollback = commands.add_parser("rollback", help="make an earlier revision of a session current again")
    rollback.add_argument("session_key", type=int)
    rollback.add_argument("revision", nargs="?", help="the one before the present one by default")
    rollback.set_defaults(command=_rollback)

    verify = commands.add_parser("verify", help="check that everything published is there and right")
    verify.add_argument("--deep", action="store_true", help="read every object, prove its hash, look inside")
    verify.set_defaults(command=_verify)

    prune = commands.add_parser("prune", help="remove revisions that have not been current for long")
    prune.add_argument("--keep", type=int, default=3, help="newest revisions of a session that stay; 3 by default")
    prune.add_argument("--older-than", default="30d", help="not current for as long: 12h, 30d, 2w; 30d by default")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    prune.set_defaults(command=_prune)

    diff = commands.add_parser("diff", help="say what differs between two revisions of a session")
    diff.add_argument("revisions", nargs="+", help="[session key] revision revision")
    diff.set_defaults(command=_diff)


def _add_health(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    health = commands.add_parser("health", help="say whether the system is well; exit code 1 if it is failing")
    probe = health.add_mutually_exclusive_group()
    probe.add_argument("--live", action="store_true", help="only: can this installation do its work")
    probe.add_argument("--ready", action="store_true", help="only: is all there that work needs, a worker included")
    health.set_defaults(command=_health)


def _prepare(*, verbose: bool) -> None:
    from flows.settings import export_foreign_variables

    export_foreign_variables()
    for name, value in (_PREFECT_DEFAULTS if verbose else _PREFECT_DEFAULTS | _PREFECT_QUIET).items():
        os.environ.setdefault(name, value)


def _publish(options: argparse.Namespace) -> int:
    from flows.cli.commands import publish

    year, event, session = options.year, options.event, options.session
    return publish(
        year,
        event,
        session,
        force=options.force,
        refetch=options.refetch,
        source=options.source,
        verbose=options.verbose,
    )


def _backfill(options: argparse.Namespace) -> int:
    from flows.cli.commands import backfill
    from flows.upstream.selection import parse_rounds, parse_sessions

    rounds, sessions = parse_rounds(options.rounds), parse_sessions(options.sessions)
    year, force, source = options.year, options.force, options.source
    return backfill(year, rounds, sessions, force=force, source=source, verbose=options.verbose)


def _index(options: argparse.Namespace) -> int:
    from flows.cli.commands import index

    return index(options.year, verbose=options.verbose)


def _inspect(options: argparse.Namespace) -> int:
    from flows.cli.commands import inspect

    return inspect(options.year, options.event, options.session, verbose=options.verbose)


def _rollback(options: argparse.Namespace) -> int:
    from flows.cli.maintenance import rollback

    return rollback(options.session_key, options.revision)


def _verify(options: argparse.Namespace) -> int:
    from flows.cli.maintenance import verify

    return verify(deep=options.deep)


def _prune(options: argparse.Namespace) -> int:
    from flows.cli.maintenance import prune

    return prune(keep=options.keep, older_than=options.older_than, dry_run=options.dry_run)


def _diff(options: argparse.Namespace) -> int:
    from flows.cli.maintenance import diff

    return diff(options.revisions)


def _health(options: argparse.Namespace) -> int:
    from flows.cli.health import health

    return health(live=options.live, ready=options.ready)


def _serve(options: argparse.Namespace) -> int:
    from flows.cli.commands import serve

    return serve(options.port)


def _deploy(options: argparse.Namespace) -> int:
    from flows.cli.deploy import deploy

    return deploy(options.prefect_file)


def _demo(options: argparse.Namespace) -> int:
    from flows.cli.commands import demo

    return demo(verbose=options.verbose)


def _fail(message: str, code: int, options: argparse.Namespace) -> int:
    from flows.cli.console import write_error

    if options.verbose and sys.exc_info()[0] is not None:
        traceback.print_exc()
    write_error(message)
    return code


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
