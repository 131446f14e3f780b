"""What the commands share, and what takes no time to load: their options and their exit codes."""

from typing import Annotated

from cyclopts import Parameter

CLEAN, ATTENTION, INVALID, UNREACHABLE, NOT_FULFILLED = 0, 1, 2, 3, 4
"""Exit codes; `starter.py --help` explains them."""

Json = Annotated[bool, Parameter(name="--json", help="Print JSON on stdout, and nothing else there.")]
Embedded = Annotated[
    bool, Parameter(help="Run server and worker in this process, with their files in ORDER_DATA_DIR.")
]
Strict = Annotated[bool, Parameter(help="Exit with 4 if an order was not fulfilled.")]
OrderId = Annotated[str, Parameter(help="For example ORDER-001. The ID of one of its workflows does, too.")]
