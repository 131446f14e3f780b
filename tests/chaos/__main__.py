"""`python -m tests.chaos`: one run. Prints what it did; exit code 1 if anything is broken, or nothing tried."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from order_system.logs import configure_logging
from order_system.settings import Settings
from tests.chaos.arena import open_arena
from tests.chaos.checks import judge, vacuous
from tests.chaos.director import run_plan
from tests.chaos.plan import draw_plan
from tests.chaos.report import as_text, as_document

PATIENCE_SECONDS = 900


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--in-flight", type=int, default=80, help="orders under way at once, besides the batches"
    )
    parser.add_argument("--pace", type=float, default=1.0, help="shortens every wait of the product's policy")
    parser.add_argument("--report", type=Path, help="write the numbers to this file")
    parser.add_argument("--keep", action="store_true", help="keep the folder with database, logs and diaries")
    return parser.parse_args()


async def run(given: argparse.Namespace, folder: Path) -> int:
    configure_logging(Settings(log_level="ERROR"), file=folder / "director.log")
    plan = draw_plan(given.seed, given.orders)
    async with open_arena(folder, pace=given.pace) as arena:
        done = await run_plan(
            plan, arena, workers=given.workers, in_flight=given.in_flight, patience=PATIENCE_SECONDS
        )
        judgement = await judge(done)
    missing = vacuous(done, judgement, whole_catalogue=given.orders >= 1_000)
    print(as_text(done, judgement, missing))
    if judgement.broken or missing:
        print(
            f"replay: python -m tests.chaos --orders {given.orders} --seed {given.seed} --pace {given.pace}"
        )
        return 1
    if given.report:
        given.report.write_text(as_document(done, judgement))
    return 0


def main() -> int:
    given = arguments()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {given.seed}, {given.orders} orders; files in {folder}", flush=True)
    code = 1
    try:
        code = asyncio.run(run(given, folder))
    finally:
        if not given.keep and code == 0:
            shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
