"""One after another is killed in the middle of a batch, is away for a while, and comes back."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.cluster.hosts import NEEDS_ATTENTION, Shop
from tests.cluster.meter import ends, longest_gap
from tests.cluster.postgresql import Postgresql
from tests.fixtures.steering.waiting import wait_until

AWAY_SECONDS = 3.0
AFTER_SECONDS = 60.0
"""How long after it is back a pause still counts as its own."""
BATCH_SECONDS = 1_800


@dataclass
class Strike:
    what: str
    kill: Callable[[], None]
    start: Callable[[], None]
    """Returns when it is back."""
    began: float = 0.0
    back: float = 0.0
    gap: float = 0.0


def run_batch(
    shop: Shop,
    postgresql: Postgresql,
    file: str,
    orders: int,
    *,
    window: int = 50,
    strikes: Sequence[Strike] = (),
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """The file of so many orders, to its end. Strikes fall at even shares of it. Raises AssertionError if the
    command ends otherwise than well, TimeoutError."""
    name = file.partition(".")[0]
    watching = shop.begins("batch", "run", file, "--wait", "--window", str(window))
    deadline = time.monotonic() + BATCH_SECONDS
    try:
        for place, strike in enumerate(strikes, 1):
            due = orders * place // (len(strikes) + 1)
            wait_until(
                lambda due=due: len(ends(postgresql, name)) >= due,
                deadline - time.monotonic(),
                f"{due} orders of batch {name} to end",
            )
            strike.began = time.time()
            strike.kill()
            time.sleep(AWAY_SECONDS)
            strike.start()
            strike.back = time.time()
            say(f"  {strike.what}: killed after {due} orders, back after {strike.back - strike.began:.1f} s")
        while (code := _end_of(watching, deadline - time.monotonic(), say)) not in (0, NEEDS_ATTENTION):
            # The batch goes on without who watches it.
            assert time.monotonic() < deadline, f"the batch is not watched to its end: {code}"
            watching = shop.begins("batch", "status", name, "--watch")
    finally:
        watching.kill()
    times = ends(postgresql, name)
    for strike in strikes:
        strike.gap = longest_gap(times, strike.began, strike.back + AFTER_SECONDS)


def _end_of(command: "subprocess.Popen[str]", seconds: float, say: Callable[[str], None]) -> int:
    """Its exit code; if it could not watch on, what it says of that is told."""
    _, err = command.communicate(timeout=seconds)
    if command.returncode not in (0, NEEDS_ATTENTION):
        say(f"  who watched the batch ended with {command.returncode}: {err.strip().splitlines()[-1:]}")
        time.sleep(AWAY_SECONDS)
    return command.returncode
