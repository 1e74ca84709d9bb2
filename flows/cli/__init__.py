"""What a person types: commands, what they print, exit codes.

Promises: bad input is found before anything slow is imported or started, and ends with exit code 2 and one sentence.
May import every room of ``flows``; nothing imports it.

- ``main``: words to a command, signals, exit codes. ``parser``: what all commands have in common.
- ``commands``: publish, backfill, index, inspect, health, serve, deploy, demo, each with its options.
- ``maintenance``: the same for rollback, verify, prune, diff.
- ``runs``: sessions made in this process, with Prefect or without. ``deploy``: registration with a Prefect server.
  ``health``: probes. ``plan``: what plan-season would do.
- ``inspection``: the verdict on a session. ``console``, ``tables``: progress and tables on a terminal.
"""
