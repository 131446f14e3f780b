"""The command line of `worker.py`, for whoever gives it arguments; without any, it is not loaded."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from order_system.cli.help import ENVIRONMENT
from order_system.domain.errors import InvalidUsage
from order_system.infra import policy

_ONE_A_CORE = "auto"

_INTRODUCTION = (
    "Host all workflows and activities of the order system, until SIGTERM or SIGINT.\n\n"
    "Then it drains: it takes nothing new, finishes what runs, and exits. It waits for a Temporal server "
    "or a PostgreSQL that is not there yet. Start it on as many machines as you like; kill one, and its "
    "orders go on elsewhere, or when it is back."
)

_GUIDANCE = """\
Examples
  python worker.py
  python worker.py --processes 4
  ORDER_FAULTS=none python worker.py --processes auto

Several processes
  One Python process keeps one core busy at most. With --processes N, a
  supervisor starts N of them, and starts one again when it dies. If it keeps
  dying at once, the pauses grow. SIGTERM or SIGINT makes all of them drain;
  one that does not end is killed, and the log says so. If the
  supervisor itself is killed, none of them is left behind. Each line of the
  log has the number of its process.

  SQLite takes one writer at a time, so there all processes wait for each
  other at every effect. Use PostgreSQL (ORDER_DATABASE_URL) if you run several
  for throughput, and always for more than one machine.

Exit codes
  0    drained
  1    with --processes: a process did not drain (it was killed, or died)
  2    invalid settings or usage, or a database or server that cannot be used
       as it is: one line says which, and the cure
"""


def run_command(arguments: Sequence[str], serve: Callable[[int], int]) -> int:
    """Have it serve in so many processes as the command line asks for; or show help.

    Returns the exit code. Raises InvalidUsage, and what `serve` raises.
    """
    app = App(
        name="worker.py",
        help=_INTRODUCTION,
        help_epilogue=_GUIDANCE + ENVIRONMENT,
        help_format="plaintext",
        version_flags=[],
    )

    @app.default
    def worker(  # pyright: ignore[reportUnusedFunction]
        *,
        processes: Annotated[
            str,
            Parameter(
                help=f"How many worker processes, 1 to {policy.PROCESSES_LIMIT}; "
                f"`{_ONE_A_CORE}`: one for each core.",
                allow_leading_hyphen=True,
            ),
        ] = "1",
    ) -> int:
        return serve(_number_of(processes))

    try:
        code: Any = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as misuse:
        raise InvalidUsage(f"{misuse} See worker.py --help.") from None
    return 0 if code is None else int(code)  # --help returns nothing


def _number_of(processes: str) -> int:
    if processes == _ONE_A_CORE:
        return min(_cores(), policy.PROCESSES_LIMIT)
    if processes.isascii() and processes.isdecimal() and 1 <= int(processes) <= policy.PROCESSES_LIMIT:
        return int(processes)
    raise InvalidUsage(
        f"--processes {processes}: write a whole number from 1 to {policy.PROCESSES_LIMIT}, "
        f"or `{_ONE_A_CORE}` for one on each core."
    )


def _cores() -> int:
    """That this process may run on: fewer than the machine has, if a container or `taskset` says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
