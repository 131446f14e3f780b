"""`worker.py` with a small cache of workflows: python -m benchmarks.measurements.small_cache_worker WORKFLOWS

A workflow that has ended leaves the cache by itself, so only one that is smaller than what is under way is
ever full.
"""

import asyncio
import sys

from order_system.bootstrap import open_order_system
from order_system.infra.logs import configure_logging
from order_system.infra.settings import Settings, load_settings
from order_system.infra.temporal.connection import connect


async def serve(settings: Settings, workflows: int) -> None:
    async with open_order_system(settings) as system:
        await system.worker(await connect(), max_cached_workflows=workflows).run()


if __name__ == "__main__":
    configure_logging(load_settings())
    asyncio.run(serve(load_settings(), int(sys.argv[1])))
