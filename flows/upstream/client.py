"""FastF1 itself: its cache, its warnings and its failures."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.upstream.account import LOGGER_PART, install_sign_in
from transforms.errors import InputError, UpstreamError


def configure_cache(cache_dir: Path, *, offline: bool) -> None:
    """Point FastF1 at ``cache_dir`` (made if missing); with ``offline`` it never asks the network.

    :raises InputError: the folder cannot be used.
    """
    import fastf1

    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        fastf1.Cache.configure(cache_dir=str(cache_dir))
        fastf1.Cache.offline_mode(offline)
        install_sign_in()
    except (OSError, NotADirectoryError) as error:
        raise InputError(
            f"The FastF1 cache folder {cache_dir} cannot be used ({error}). Set PARCFERME_CACHE_DIR to a folder that "
            "can be written."
        ) from error


def keep_quiet(*, verbose: bool) -> None:
    """Keep FastF1's own words off the terminal; ``verbose`` lets it say what it does.

    What matters of them reaches the quality report and the errors.
    """
    import fastf1

    fastf1.set_log_level("INFO" if verbose else "CRITICAL")


@contextmanager
def captured_warnings() -> Iterator[list[tuple[str, str]]]:
    """Collect what FastF1 logs at WARNING and above while the block runs, as (logger, text).

    What its downloader and its sign-in say is left out: what this machine's cache, network or account lacks is no
    property of a session.
    """
    found: list[tuple[str, str]] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.endswith(".req") and LOGGER_PART not in record.name:
                found.append((record.name, " ".join(record.getMessage().split())))

    collector = _Collector(level=logging.WARNING)
    logger = logging.getLogger("fastf1")
    logger.addHandler(collector)
    try:
        yield found
    finally:
        logger.removeHandler(collector)


@contextmanager
def fastf1_failures_as_errors(what: str) -> Iterator[None]:
    """Turn FastF1's ``exit()``, rate limits and network failures into :class:`UpstreamError` naming ``what``."""
    import requests
    from fastf1.exceptions import RateLimitExceededError

    try:
        yield
    except SystemExit as error:
        raise UpstreamError(
            f"FastF1 gave up downloading {what}. Check the network and F1_USERNAME / F1_PASSWORD, then run it again."
        ) from error
    except RateLimitExceededError as error:
        raise UpstreamError(
            f"The upstream's call limit is reached while loading {what} ({error}). Run it again in an hour."
        ) from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise UpstreamError(
            f"The upstream could not be reached while loading {what} ({type(error).__name__}). Check the network, or "
            "set PARCFERME_OFFLINE=1 to use only what the cache holds."
        ) from error
