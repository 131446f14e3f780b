"""A worker process as in production (`worker.py`), but for the ports, which pass through the fault layer.

python -m tests.chaos.worker STAGE DIARY PACE
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

import worker as product
from order_system import bootstrap
from order_system.bootstrap import OrderSystem
from order_system.infra.logs import ActivityLogContext
from order_system.infra.settings import Settings
from tests.chaos import pace
from tests.chaos.diary import Diary
from tests.chaos.faults import FaultLayer
from tests.chaos.plan import read_faults
from tests.chaos.points import GATEWAYS
from tests.chaos.ports import StruckBook, StruckFiles, StruckGateway, refusing_database
from tests.chaos.refusals import NotesRefusals
from tests.chaos.slow_starts import SlowStarts
from tests.chaos.stage import Stage


@dataclass(frozen=True)
class StruckSystem(OrderSystem):
    layer: FaultLayer
    diary: Diary
    pace: float

    def worker(self, temporal: Client, **options: Any) -> Worker:
        self.layer.temporal = temporal
        sticky = pace.STICKY * self.pace
        interceptors = [
            ActivityLogContext(),
            NotesRefusals(self.book.book_id, self.diary),
            SlowStarts(self.layer.slow_start, self.pace),
        ]
        return super().worker(
            temporal, sticky_queue_schedule_to_start_timeout=sticky, interceptors=interceptors, **options
        )


def struck(system: OrderSystem, layer: FaultLayer, diary: Diary, pace: float) -> StruckSystem:
    world = system.world
    ports: dict[str, Any] = {
        "files": StruckFiles(system.files, layer),
        "world": SimpleNamespace(
            forget=world.forget,
            **{name: StruckGateway(getattr(world, name), layer, layer.stage.away(name)) for name in GATEWAYS},
        ),
    }
    return StruckSystem(**{**vars(system), **ports, "layer": layer, "diary": diary, "pace": pace})


def main(stage_folder: str, diary_file: str, factor: str) -> int:
    stage = Stage(Path(stage_folder))
    pace.shorten(float(factor))
    diary = Diary(Path(diary_file))
    layer = FaultLayer(stage, read_faults(stage.plan), diary)

    @asynccontextmanager
    async def open_struck_system(settings: Settings) -> AsyncGenerator[OrderSystem]:
        async with bootstrap.open_order_system(settings) as system:
            yield struck(system, layer, diary, float(factor))

    product_names: Any = SimpleNamespace(bootstrap=bootstrap, product=product)
    product_names.bootstrap.Database = refusing_database(stage)
    sound = bootstrap.SqlOrderBook
    product_names.bootstrap.SqlOrderBook = lambda *arguments: StruckBook(sound(*arguments), layer)
    product_names.product.open_order_system = open_struck_system
    return product.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
