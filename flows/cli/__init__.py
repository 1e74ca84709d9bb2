"""What a person types: commands, what they print, exit codes.

Promises: bad input is found before anything slow is imported or started, and ends with exit code 2 and one sentence.
May import every room of ``flows``; nothing imports it.

- ``main``: the commands and their options, signals, exit codes.
- ``commands``: publish, backfill, index, inspect, serve, demo.
- ``maintenance``: verify, rollback, prune, diff. ``deploy``: registration with a Prefect server. ``health``: probes.
- ``inspection``: the verdict on a session. ``console``: tables and progress on a terminal.
"""
