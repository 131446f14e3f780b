"""Options that several commands share."""

from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", help="Print JSON on stdout, and nothing else there.")]
Embedded = Annotated[
    bool, Parameter(help="Run server and worker in this process, with their files in ORDER_DATA_DIR.")
]
