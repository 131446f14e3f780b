"""Chaos: real processes, struck at named points by a plan that is drawn from one seed.

Read it in this order. `points.py` names the places, `plan.py` draws who is struck where and how, `worker.py`
is a worker process whose ports pass through `faults.py`. `arena.py` holds the processes and the database,
`director.py` drives orders and batches through them. When all is quiet, `checks.py` judges and `report.py`
tells. `plants.py` are bugs that must turn the judgement red.

`python -m tests.chaos --help`, or `make chaos`.
"""
