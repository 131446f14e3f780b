"""One `batch plan` in a process of its own, measured from inside: python -m benchmarks.measurements.plan.once
DATA FILE [PROFILE]

Prints JSON. Reading and looking up take turns within a plan, so that the processor's time can be parted.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.tools.machine import memory_mb
from benchmarks.tools.stage import settings_for
from order_system.batches.files import load_profile
from order_system.book.order_book import SqlOrderBook
from order_system.bootstrap import open_order_system
from order_system.domain.book import SubmissionRecord
from order_system.infra.process import collect_less_garbage


class TimedBook(SqlOrderBook):
    """A book that knows how long it was asked."""

    seconds = 0.0
    processor = 0.0

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        began, began_processor = time.perf_counter(), time.process_time()
        try:
            return await super().find(order_ids)
        finally:
            self.seconds += time.perf_counter() - began
            self.processor += time.process_time() - began_processor


async def plan_once(data: Path, file: Path, profile: str | None = None) -> dict[str, Any]:
    collect_less_garbage()  # as the command line does
    async with open_order_system(settings_for(data, files=file.parent)) as system:
        book = TimedBook(system.database)
        batches = replace(system, book=book).batch_reports()
        start_mb = memory_mb()
        began, began_processor = time.perf_counter(), time.process_time()
        ref = await system.files.inspect(str(file), profile=load_profile(profile) if profile else None)
        plan = [so_far async for _, so_far in batches.plan(ref)][-1]
        return {
            "rows": plan.rows,
            "orders": plan.orders,
            "fates": plan.fates,
            "seconds": time.perf_counter() - began,
            "processor": time.process_time() - began_processor,
            "looking_up_seconds": book.seconds,
            "looking_up_processor": book.processor,
            "start_mb": start_mb,
            "peak_mb": memory_mb(peak=True),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(plan_once(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))))
