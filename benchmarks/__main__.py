"""`python -m benchmarks`"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import CycloptsError

from benchmarks.app import app
from benchmarks.session import BROKEN, HOLDS, INTERRUPTED, MISUSED
from benchmarks.tools.figures import BenchmarkFailed
from benchmarks.tools.stage import settings_for
from order_system.domain.errors import InvalidUsage, OrderSystemError
from order_system.infra import policy
from order_system.infra.changes import CHANGES
from order_system.infra.logs import configure_logging


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    try:
        return asyncio.run(_until_told_to_stop(arguments))
    except CycloptsError as misuse:
        code, message = MISUSED, f"{misuse} See python -m benchmarks --help."
    except InvalidUsage as misuse:
        code, message = MISUSED, str(misuse)
    except (BenchmarkFailed, OrderSystemError) as failed:
        code, message = BROKEN, str(failed)
    except (asyncio.CancelledError, KeyboardInterrupt):
        code, message = INTERRUPTED, "stopped"
    print(f"benchmarks: {message}", file=sys.stderr)
    return code


async def _until_told_to_stop(arguments: Sequence[str] | None) -> int:
    """SIGTERM ends it as Ctrl-C does: whatever was started is stopped, and the folder removed."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        code: Any = await app.run_async(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        return HOLDS if code is None else int(code)  # --help returns nothing
    finally:
        await asyncio.sleep(policy.LAST_BREATH.total_seconds())  # as every short client program does


if __name__ == "__main__":
    configure_logging(settings_for(Path()).model_copy(update={"log_level": "WARNING"}))
    logging.getLogger(CHANGES).disabled = True
    sys.exit(main())
