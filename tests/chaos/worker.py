"""A worker process as in production (`worker.py`), but for the ports, which pass through the fault layer.

python -m tests.chaos.worker STAGE DIARY PACE
"""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

import worker as product
from activities import batch_activities, order_activities
from order_system import bootstrap
from order_system.bootstrap import OrderSystem
from order_system.settings import Settings
from tests.chaos import pace
from tests.chaos.diary import Diary
from tests.chaos.faults import FaultLayer, Stage, StruckBook, StruckFiles, StruckGateway, refusing_database
from tests.chaos.plan import read_faults


@dataclass(frozen=True)
class StruckSystem(OrderSystem):
    layer: FaultLayer
    pace: float

    def activities(self) -> Sequence[Callable[..., Any]]:
        world = self.world
        gateways = [
            StruckGateway(gateway, self.layer)
            for gateway in (world.payments, world.warehouse, world.carrier, world.mailer)
        ]
        ports: Any = (StruckBook(self.book, self.layer), *gateways)
        files: Any = StruckFiles(self.files, self.layer)
        return [*order_activities(*ports), *batch_activities(self.batch_book, files)]

    def worker(self, temporal: Client, **options: Any) -> Worker:
        self.layer.temporal = temporal
        sticky = pace.STICKY * self.pace
        return super().worker(temporal, sticky_queue_schedule_to_start_timeout=sticky, **options)


def main(stage_folder: str, diary_file: str, factor: str) -> int:
    stage = Stage(Path(stage_folder))
    pace.shorten(float(factor))
    late = bool(os.environ.get("CHAOS_LATE"))
    layer = FaultLayer(stage, read_faults(stage.plan), Diary(Path(diary_file)), late=late)

    @asynccontextmanager
    async def open_struck_system(settings: Settings) -> AsyncGenerator[OrderSystem]:
        async with bootstrap.open_order_system(settings) as system:
            yield StruckSystem(**{**vars(system), "layer": layer, "pace": float(factor)})

    doors: Any = SimpleNamespace(bootstrap=bootstrap, product=product)
    doors.bootstrap.Database = refusing_database(stage)
    doors.product.open_order_system = open_struck_system
    return product.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
