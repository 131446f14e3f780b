"""The command line: `python starter.py --help`."""

import os
import signal
import sys


def main() -> int:
    """Run the command line. Ctrl-C ends it in one line, with the same exit code, even while it is loading or
    the interpreter ends."""
    signal.signal(signal.SIGINT, _stopped)
    from order_system.infra.process import collect_less_garbage, load  # noqa: PLC0415

    collect_less_garbage()  # loading the modules takes most of the time, and makes no garbage
    try:
        return load("order_system.cli.app", "starter.py").main()
    finally:
        signal.signal(signal.SIGINT, _stopped)  # the event loop has put Python's own in its place


def _stopped(number: int, _frame: object) -> None:
    os.write(sys.stderr.fileno(), f"{sys.argv[0].rpartition('/')[2]}: stopped\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
