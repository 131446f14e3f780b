"""What production is, on one machine: `make cluster`, or `python -m tests.cluster`. No test of `make test`.

Temporal's own server as its Go module gives it, on three nodes with roles apart, TLS both ways; PostgreSQL;
two hosts of workers, one behind a pooler; sealed payloads. Nodes, a host and PostgreSQL are killed in the
middle of a batch. Then all must agree. Before that the services of docker-compose.yml run without containers.

Begin with `run.py`. `docs/cluster.md` is written from its figures.
"""
