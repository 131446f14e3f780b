"""The short run: every kind of blow at least once, on a faster clock. The long one is `make chaos`."""

import os
from pathlib import Path

import pytest

from tests.chaos.arena import open_arena
from tests.chaos.checks import judge
from tests.chaos.director import run_plan
from tests.chaos.plan import draw_plan
from tests.chaos.vacuity import vacuous

ORDERS = 40
"""There are 32 kinds of blow."""
PACE = 0.3
PATIENCE_SECONDS = 400
"""A run takes 25 on quiet cores and has taken 185 on busy ones: this is for one that never ends."""
SEED = int(os.environ.get("CHAOS_SEED", "1"))
"""One seed, so that a red run is red again; set another one to look for more."""


@pytest.mark.long
@pytest.mark.timeout(PATIENCE_SECONDS + 60)
async def test_forty_orders_through_every_kind_of_blow(tmp_path: Path) -> None:
    plan = draw_plan(SEED, ORDERS)
    async with open_arena(tmp_path, pace=PACE) as arena:
        run = await run_plan(plan, arena, workers=2, in_flight=ORDERS, patience=PATIENCE_SECONDS)
        judgement = await judge(run)
    replay = f"replay: python -m tests.chaos --orders {ORDERS} --seed {SEED} --pace {PACE} --keep"
    assert (judgement.broken, judgement.untrue) == ([], []), replay
    assert vacuous(run, judgement, whole_catalogue=False) == [], replay
