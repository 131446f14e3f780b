"""`python -m tests.cluster`: a Temporal cluster as in production, on this machine. Exit code 1 if anything
does not hold, 2 if a program is missing."""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import report
from tests.cluster.composed import Composed
from tests.cluster.needs import Missing, Programs, find
from tests.cluster.nodes import taken
from tests.cluster.run import Figures, open_cluster, run

NEEDS = """\
This takes Linux (addresses 127.0.17.x of the loopback), PostgreSQL's server programs, and Go 1.26 the first
time; pgbouncer and prometheus if they are to be tried; 2 GB of memory."""
POLLS = ("history.transferProcessorMaxPollRPS", "history.transferProcessorMaxPollHostRPS")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--orders", type=int, default=200, help="of the batch that is measured (200)")
    parser.add_argument(
        "--struck", type=int, default=500, help="of the batch in which processes are killed (500); 0: none is"
    )
    parser.add_argument("--only", choices=["compose", "cluster"], help="one half alone")
    parser.add_argument("--poll-rps", type=int, help="raise how often a shard's queue of tasks is read")
    parser.add_argument("--markdown", type=Path, help="write the figures into this page, between its marks")
    parser.add_argument("--keep", action="store_true", help="keep logs and files")
    return parser.parse_args()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def compose(programs: Programs, folder: Path) -> list[str]:
    say("the services of docker-compose.yml, each by its own command:")
    composed = Composed(programs, folder, say)
    try:
        composed.start()
        told = composed.use()
    finally:
        composed.stop()
    names = ", ".join(composed.containers)
    return [
        f"Started in order, each by its own command: {names}.",
        *(f"{line}." for line in told),
        f"Not tried, for want of a program: {', '.join(composed.left_out)}.",
    ]


def cluster(programs: Programs, folder: Path, given: argparse.Namespace) -> Figures:
    say("PostgreSQL, three nodes of Temporal with roles apart, TLS both ways")
    dynamic = {name: str(given.poll_rps) for name in POLLS} if given.poll_rps else {}
    with open_cluster(programs, folder, dynamic) as opened:
        return run(opened, given.orders, given.struck, say)


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing of ours stays behind
    print(NEEDS)
    try:
        programs = find(say)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    if busy := taken():
        print(
            f"{', '.join(busy)}: something listens there. Another run? Or a program on all addresses?",
            file=sys.stderr,
        )
        return 2
    folder = Path(tempfile.mkdtemp(prefix="order-cluster-"))
    folder.chmod(0o755)  # PostgreSQL may run as somebody else
    (folder / "compose").mkdir()
    (folder / "cluster").mkdir()
    try:
        told = [] if given.only == "cluster" else compose(programs, folder / "compose")
        figures = None if given.only == "compose" else cluster(programs, folder / "cluster", given)
    except (AssertionError, RuntimeError, TimeoutError, subprocess.SubprocessError) as failed:
        detail = getattr(failed, "stderr", None)
        print(f"FAILED: {failed}\n{detail or ''}\nlogs are in {folder}", file=sys.stderr)
        return 1
    if figures is None:
        print("\n".join(told))
    else:
        text = report.as_markdown(figures, told)
        print(text)
        if given.markdown:
            report.write_into(given.markdown, text)
    if given.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
