"""The command line: `python starter.py --help`."""

import sys

from order_system.cli import main

if __name__ == "__main__":
    sys.exit(main())
