"""`python -m tests.chaos`: one run for each seed. Exit code 1 if anything is broken, or was not tried."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from order_system.domain.order import Capture, FirstAttempts, Flow
from order_system.infra.logs import configure_logging, log_file
from order_system.infra.settings import Settings
from tests.chaos.arena import open_arena
from tests.chaos.checks import judge
from tests.chaos.director import run_plan
from tests.chaos.plan import SHORT_OF_A_CATALOGUE, Plan, draw_outages, draw_plan
from tests.chaos.report import Summary, as_document, as_text, summarise
from tests.chaos.vacuity import vacuous

PATIENCE_SECONDS = 1_800
"""What a run of 1,000 orders may take on two cores that others use, too; alone it takes a third."""


PARALLEL_OVER_SEQUENTIAL = 1.2
"""At most, of the times that the same orders take in each flow alone."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=80, help="orders under way besides the batches'")
    turns: dict[str, Any] = {"nargs": "+", "help": "orders take turns in them"}
    parser.add_argument("--flow", type=Flow, choices=list(Flow), default=list(Flow), **turns)
    parser.add_argument("--capture", type=Capture, choices=list(Capture), default=list(Capture), **turns)
    firsts = list(FirstAttempts)
    parser.add_argument("--first-attempts", type=FirstAttempts, choices=firsts, default=firsts, **turns)
    parser.add_argument("--pace", type=float, default=1.0, help="shortens every wait of the product's policy")
    parser.add_argument(
        "--outages",
        action="store_true",
        help="only the book away for two minutes, and a gateway for five",
    )
    parser.add_argument(
        "--deployment",
        action="store_true",
        help="each worker is a build of its own, in turns the current one",
    )
    parser.add_argument(
        "--compare", type=int, default=0, help="besides, so many orders in each flow alone, in turns"
    )
    parser.add_argument("--report", type=Path, help="write the numbers of each run that is well to this file")
    parser.add_argument("--keep", action="store_true", help="keep database, logs and diaries")
    return parser.parse_args()


async def run(given: argparse.Namespace, plan: Plan, folder: Path) -> tuple[Summary, list[str]]:
    """The numbers, and the names of what was checked."""
    configure_logging(Settings(log_level="ERROR", data_dir=folder), file=log_file(folder / "director.log"))
    async with open_arena(folder, pace=given.pace) as arena:
        arena.deployment = "chaos" if given.deployment else None
        done = await run_plan(
            plan,
            arena,
            workers=given.workers,
            in_flight=given.in_flight,
            patience=PATIENCE_SECONDS,
        )
        judgement = await judge(done)
        whole = len(plan.orders) >= SHORT_OF_A_CATALOGUE and not given.outages
        missing = vacuous(done, judgement, whole_catalogue=whole)
        return await summarise(done, judgement, missing), judgement.checked


def main() -> int:
    given = arguments()
    runs: list[Summary] = []
    checked: list[str] = []
    for seed in given.seed if given.orders else ():
        plan = (
            draw_outages(seed, given.orders)
            if given.outages
            else draw_plan(seed, given.orders, given.flow, given.capture, given.first_attempts)
        )
        which = (" --outages" if given.outages else "") + (" --deployment" if given.deployment else "")
        turns = f"--flow {' '.join(plan.flows)} --capture {' '.join(plan.captures)} "
        turns += f"--first-attempts {' '.join(plan.first_attempts)}"
        replay = f"--orders {given.orders} --seed {seed} {turns}{which}"
        summary, checked = tried(given, plan, replay)
        runs.append(summary)
        if given.report:
            given.report.write_text(as_document(runs, checked))
    ratio, told = compared(given, given.seed[0]) if given.compare else (0, "")
    if given.report and runs and told:
        given.report.write_text(as_document(runs, checked, told))
    return 0 if ratio <= PARALLEL_OVER_SEQUENTIAL else 1


def tried(given: argparse.Namespace, plan: Plan, replay: str) -> tuple[Summary, list[str]]:
    """Exits with 1 if it is not well."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    say(f"seed {plan.seed}, {len(plan.orders)} orders, {' and '.join(plan.flows)}; files in {folder}")
    summary, checked = asyncio.run(run(given, plan, folder))
    say(as_text(summary))
    if summary.broken or summary.untrue or summary.missing:
        say(f"replay: python -m tests.chaos {replay} --pace {given.pace}")
        sys.exit(1)
    if not given.keep:
        shutil.rmtree(folder)
    return summary, checked


def compared(given: argparse.Namespace, seed: int) -> tuple[float, str]:
    """How long the same orders take in the parallel flow over the sequential one, and that in words."""
    plan = draw_plan(seed, given.compare, [Flow.SEQUENTIAL], given.capture, given.first_attempts)
    seconds: dict[Flow, list[float]] = {flow: [] for flow in Flow}
    for flow in (*Flow, *reversed(Flow)):
        summary, _ = tried(given, plan.all_in(flow), f"--orders 0 --compare {given.compare} --seed {seed}")
        seconds[flow].append(summary.seconds)
    one, both = (median(seconds[flow]) for flow in Flow)
    ratio = both / one
    told = (
        f"The same {given.compare} orders in each flow alone, twice each, in turns: {one:.0f} seconds in the "
        f"sequential flow, {both:.0f} in the parallel one. That is {ratio:.2f} of the time, of at most "
        f"{PARALLEL_OVER_SEQUENTIAL}."
    )
    say(told)
    return ratio, told


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
