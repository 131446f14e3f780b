"""The command line of `worker.py`, which loads this module only if it is given arguments."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from order_system.cli.help import ENVIRONMENT, text_of
from order_system.domain.errors import InvalidUsage
from order_system.infra import policy

_ONE_A_CORE = "auto"

_INTRODUCTION = (
    "Host all workflows and activities of the order system, until SIGTERM or SIGINT.\n\n"
    "Then it drains: it takes nothing new, finishes what runs, and exits. It waits for a Temporal server "
    "or a PostgreSQL that is not there yet. Start it on as many machines as you like; kill one, and its "
    "orders go on elsewhere, or when it is back."
)


def run_command(arguments: Sequence[str], serve: Callable[[int], int]) -> int:
    """Serve in as many processes as the command line asks for, or show help.

    Returns the exit code. Raises InvalidUsage, and what `serve` raises."""
    app = App(
        name="worker.py",
        help=_INTRODUCTION,
        help_epilogue=text_of("worker") + ENVIRONMENT,
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
    if processes == _ONE_A_CORE:  # one that this process may use: a container or `taskset` may allow few
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return min(len(usable), policy.PROCESSES_LIMIT)
    if processes.isascii() and processes.isdecimal() and 1 <= int(processes) <= policy.PROCESSES_LIMIT:
        return int(processes)
    raise InvalidUsage(
        f"--processes {processes}: write a whole number from 1 to {policy.PROCESSES_LIMIT}, "
        f"or `{_ONE_A_CORE}` for one on each core."
    )
