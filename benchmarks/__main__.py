"""`python -m benchmarks`"""

import logging
import sys
from pathlib import Path

from benchmarks.app import main
from benchmarks.tools.stage import settings_for
from order_system.infra.changes import CHANGES
from order_system.infra.logs import configure_logging

if __name__ == "__main__":
    configure_logging(settings_for(Path()).model_copy(update={"log_level": "WARNING"}))
    logging.getLogger(CHANGES).disabled = True
    sys.exit(main())
