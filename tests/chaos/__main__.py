"""`python -m tests.chaos`: one run for each seed. Exit code 1 if anything is broken, or was not tried."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from order_system.domain.order import Flow
from order_system.infra.logs import configure_logging
from order_system.infra.settings import Settings
from tests.chaos.arena import open_arena
from tests.chaos.checks import judge
from tests.chaos.director import run_plan
from tests.chaos.plan import SHORT_OF_A_CATALOGUE, draw_outages, draw_plan
from tests.chaos.report import Summary, as_document, as_text, summarise
from tests.chaos.vacuity import vacuous

PATIENCE_SECONDS = 1_800
"""What a run of 1,000 orders may take on two cores that others use, too; alone it takes a third."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=80, help="orders under way besides the batches'")
    parser.add_argument(
        "--flow",
        type=Flow,
        choices=list(Flow),
        nargs="+",
        default=list(Flow),
        help="orders take turns in them",
    )
    parser.add_argument("--pace", type=float, default=1.0, help="shortens every wait of the product's policy")
    parser.add_argument(
        "--outages",
        action="store_true",
        help="only the book away for two minutes, and a gateway for five",
    )
    parser.add_argument("--report", type=Path, help="write the numbers of each run that is well to this file")
    parser.add_argument("--keep", action="store_true", help="keep database, logs and diaries")
    return parser.parse_args()


async def run(given: argparse.Namespace, seed: int, folder: Path) -> tuple[Summary, list[str]]:
    """The numbers, and the names of what was checked."""
    configure_logging(Settings(log_level="ERROR"), file=folder / "director.log")
    async with open_arena(folder, pace=given.pace) as arena:
        done = await run_plan(
            draw_outages(seed, given.orders) if given.outages else draw_plan(seed, given.orders, given.flow),
            arena,
            workers=given.workers,
            in_flight=given.in_flight,
            patience=PATIENCE_SECONDS,
        )
        judgement = await judge(done)
        whole = given.orders >= SHORT_OF_A_CATALOGUE and not given.outages
        missing = vacuous(done, judgement, whole_catalogue=whole)
        return await summarise(done, judgement, missing), judgement.checked


def main() -> int:
    given = arguments()
    runs: list[Summary] = []
    checked: list[str] = []
    for seed in given.seed:
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        say(f"seed {seed}, {given.orders} orders; files in {folder}")
        summary, checked = asyncio.run(run(given, seed, folder))
        say(as_text(summary))
        if summary.broken or summary.untrue or summary.missing:
            which = " --outages" if given.outages else ""
            flows = " ".join(given.flow)
            again = f"--orders {given.orders} --seed {seed} --flow {flows} --pace {given.pace}{which}"
            say(f"replay: python -m tests.chaos {again}")
            return 1
        runs.append(summary)
        if given.report:
            given.report.write_text(as_document(runs, checked))
        if not given.keep:
            shutil.rmtree(folder)
    return 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
