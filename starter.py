"""The command line: `python starter.py --help`."""

import sys

from order_system.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
