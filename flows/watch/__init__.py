"""The flow that looks after everything, every ten minutes.

Promises: what a dead run left behind is put right, and ``v1/health.json`` says how things stand and until when.
May import ``session`` and what comes after it; ``cli`` and deployments alone import it.

- ``flow``: ``check-health``. ``sweep``: what is said of runs, held against what Prefect's server knows of them.
"""
