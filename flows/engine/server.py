"""Prefect's own temporary server, started so that Ctrl-C stops the run before it stops the server."""

import signal
import threading


def start_temporary_server() -> None:
    """Start Prefect's temporary server, for when no other is configured. Prefect stops it when the process ends.

    A terminal sends Ctrl-C to every process in the foreground. Were the server to go first, Prefect would try for
    minutes to tell it that the run was interrupted. A blocked signal stays blocked in the processes a thread starts.

    :raises Exception: whatever Prefect raises when its server does not start.
    """
    failures: list[BaseException] = []

    def _start() -> None:
        from prefect import get_client

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            get_client(sync_client=True)
        except BaseException as error:
            failures.append(error)

    starter = threading.Thread(target=_start, name="prefect-server", daemon=True)
    starter.start()
    starter.join()
    if failures:
        raise failures[0]
