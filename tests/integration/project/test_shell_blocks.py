"""The shell blocks of the documents do what the documents say: they are run as printed, in a scratch folder.

A block that cannot be run here says why, in a comment right above it: `<!-- not run: needs a server -->`.
`<!-- exit code: 2 -->` is for one that is meant to fail. The next ```text block under the same heading is
what it prints, line by line and in this order, with gaps. Times, dates, IDs and ports may differ, and so may
frames and breaks of lines.
"""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import termios
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from tests.fixtures.processes.forking import standing_in

ROOT = Path(__file__).parents[3]
WRITTEN_BY_PROGRAMS = {"performance.md", "reliability.md"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name not in WRITTEN_BY_PROGRAMS),
]

PATIENCE_SECONDS = 180
QUICK_WORLD = {"ORDER_LATENCY_MIN": "0.05", "ORDER_LATENCY_MAX": "0.1"}
ROWS, COLUMNS = 60, 120

SERVE = ".venv/bin/python starter.py serve --embedded"
"""Started once, for the blocks of all pages: it has the Temporal server that the others find and use."""
SERVED_WITHOUT_KEYS = (
    r"pages and API at (http://[0-9.:]+), .* without ORDER_WEB_KEYS everybody on it is an operator"
)
MAY_BE_RUN = (".venv/bin/python starter.py ", "curl ", "make demo")
"""Whatever else a block runs it must be marked: a test must not start `make test`."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|exit code): (?P<said>[^\n]+) -->\n)?"
    r"^```sh\n(?P<script>.*?)^```\n(?:(?:(?!```|#)[^\n]*\n)*```text\n(?P<printed>.*?)^```\n)?",
    re.M | re.S,
)
_NOT_TOLD = [
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"[\u2500-\u257f]"), " "),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"), "<date>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), "<host>"),
    (re.compile(r"(\b\d+(\.\d+)? (ms|s|m|h)\b\s*)+"), "<time> "),
    (re.compile(r"\S*/examples/"), "examples/"),
    (re.compile(r"\s+"), " "),
]


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    script: str
    why_not: str | None
    code: int
    printed: str

    @property
    def commands(self) -> list[str]:
        """Without comments; one that goes over several lines is one."""
        script = re.sub(r"(^|\s)#.*$", "", self.script, flags=re.M).replace("\\\n", " ")
        joined = re.sub(r"'[^']*'", lambda quoted: quoted[0].replace("\n", " "), script)
        return [line.strip() for line in joined.splitlines() if line.strip()]


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, found.start("script")),
            script=found["script"],
            why_not=found["said"] if found["mark"] == "not run" else None,
            code=int(found["said"]) if found["mark"] == "exit code" else 0,
            printed=found["printed"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def unmarked(blocks: Sequence[Block]) -> list[str]:
    """Where those stand that can be run no more than they say why not."""
    return [
        f"{block.page}:{block.line}"
        for block in blocks
        if block.why_not is None and not all(each.startswith(MAY_BE_RUN) for each in block.commands)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_is_run_or_says_why_not(page: Path) -> None:
    blocks = blocks_of(page)
    text = page.read_text(encoding="utf-8")

    assert unmarked(blocks) == []
    assert len(blocks) == len(re.findall(r"^\s*```(?:sh|bash|shell|console)\b", text, re.M))


@pytest.mark.long
def test_the_blocks_print_what_the_documents_say(tmp_path: Path) -> None:
    pages = [blocks for page in PAGES if not unmarked(blocks := blocks_of(page))]
    blocks = [block for blocks in pages for block in blocks if block.why_not is None]
    assert len(blocks) > 5
    stage = Stage(tmp_path)

    with stage.serving():
        wrong = [complaint for block in blocks if (complaint := stage.complaint_about(block))]

    assert "\n\n".join(wrong) == ""


class Stage:
    """A folder that looks like a new clone, with an environment and without data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._url = ""
        self._environment = {**os.environ, **QUICK_WORLD}
        self._starting, self._needed = standing_in()
        for program in ("starter.py", "worker.py"):
            (folder / program).symlink_to(ROOT / program)
        copytree(ROOT / "examples", folder / "examples")  # links would lead out of ORDER_FILE_ROOTS

    @contextmanager
    def serving(self) -> Generator[None]:
        log = self._folder / "serve.log"
        with log.open("wb") as out:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {self._as_here(SERVE)} --port 0"],
                cwd=self._folder,
                env=self._environment,
                pass_fds=self._needed,
                stdout=out,
                stderr=out,
            )
        try:
            self._url = self._where(server, log)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            try:
                ended = server.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
        assert ended == 0, log.read_text(encoding="utf-8")

    def complaint_about(self, block: Block) -> str | None:
        if block.commands == [SERVE]:
            return None
        code, printed = self._on_a_terminal(self._as_here(block.script))
        where = f"{block.page}:{block.line}"
        if code != block.code:
            return f"{where} ended with {code} instead of {block.code}:\n{printed}"
        missing = first_missing(block.printed, printed)
        return f"{where} does not print, after what is before it: {missing}\n{printed}" if missing else None

    def _as_here(self, script: str) -> str:
        recipe = re.search(
            r"^demo:.*\n\t\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M
        )
        assert recipe is not None
        return (
            script.replace("make demo", f".venv/bin/{recipe[1]}")
            .replace(".venv/bin/python", shlex.join(self._starting))
            .replace("http://127.0.0.1:8080", self._url)
        )

    def _where(self, server: subprocess.Popen[bytes], log: Path) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            if found := re.search(SERVED_WITHOUT_KEYS, log.read_text(encoding="utf-8")):
                return found[1]
            select.select([], [], [], 0.1)
        raise AssertionError(f"`serve` is not up:\n{log.read_text(encoding='utf-8')}")

    def _on_a_terminal(self, script: str) -> tuple[int, str]:
        """As people see it. Returns the exit code, and all that was printed."""
        ours, its = pty.openpty()
        termios.tcsetwinsize(its, (ROWS, COLUMNS))
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._folder,
            env=self._environment,
            pass_fds=self._needed,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        try:
            printed = _all_of(ours, process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            os.close(ours)
        return process.wait(), printed


def _all_of(terminal: int, process: subprocess.Popen[bytes]) -> str:
    printed = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            some = os.read(terminal, 65_536)
        except OSError:  # how Linux says that the other end is closed
            some = b""
        if not some:
            process.wait(PATIENCE_SECONDS)
            return printed.decode("utf-8", "replace").replace("\r\n", "\n")
        printed += some
    raise AssertionError(f"it did not end:\n{printed.decode('utf-8', 'replace')}")


def first_missing(expected: str, printed: str) -> str | None:
    """The first line that is not there, after those before it. None if all are."""
    told, at = what_is_told(printed), 0
    for line in expected.splitlines():
        wanted = what_is_told(line).strip().removesuffix("...").strip()
        found = told.find(wanted, at)
        if found < 0:
            return line
        at = found + len(wanted)
    return None


def what_is_told(text: str) -> str:
    for pattern, instead in _NOT_TOLD:
        text = pattern.sub(instead, text)
    return text


def test_a_line_that_is_not_printed_is_missed() -> None:
    printed = "ORDER-001  fulfilled  3.7 s\n├── payment ✓ completed   792 ms\n"

    assert first_missing("ORDER-001  fulfilled  12.1 s\n...\n├── payment ✓ completed 1.0 s", printed) is None
    assert first_missing("├── payment ✓ completed 1.0 s\nORDER-001  fulfilled  1.0 s", printed) is not None
    assert first_missing("ORDER-002  fulfilled  3.7 s", printed) is not None
