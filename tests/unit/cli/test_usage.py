"""Command lines that need no server, and such as cannot be meant."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import starter
from order_system import __version__
from order_system.cli import screen
from order_system.cli.app import main, run_command
from order_system.cli.session import exit_code
from order_system.domain.errors import InvalidOrder, InvalidUsage
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress
from order_system.infra import process
from order_system.testing import checking
from tests.fixtures.processes.command_line import ROOT
from tests.fixtures.processes.forked import Forked


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--what"], "Unknown option: --what. See starter.py --help."),
        (["resolv", "H-1"], 'Unknown command "resolv". Did you mean "resolve"?'),
        (["stauts", "H-1"], 'Unknown command "stauts". Did you mean "status"? See starter.py --help.'),
        (["H-1", "--json"], 'Unknown command "H-1". Did you mean "status H-1"?'),
        (["parcels", "status", "H-1"], 'Unknown command "parcels". Available commands: adopt, attention, '),
        (["--json", "status", "X"], "Options come after the command: starter.py status"),
        (["batch", "--json", "status", "X"], "Options come after the command."),
        (["batch", "rnu"], 'Unknown command "rnu". Did you mean "run"?'),
        (["status", "A", "B"], "status does not take 'B'"),
        (["submit"], "Usage: starter.py submit [OPTIONS] FILE. See starter.py submit --help."),
        (["batch", "run"], "Usage: starter.py batch run [OPTIONS] FILE. See starter.py batch run --help."),
        (["--keep"], "--keep is for --embedded"),
        (["--scenario", "nonsense"], "no scenario 'nonsense'; there are: ok, card-declined"),
        (["compare", "--orders", "0"], "Must be >= 1"),
        (["resolve", "A-1"], "requires an argument"),
        (["resolve", "A-1", "payment"], "say either --retry or --handled"),
        (["resolve", "A-1", "payment", "--retry", "--handled"], "say either --retry or --handled"),
        (["resolve", "A-1", "postage", "--retry"], 'Choose from: "payment", "inventory"'),
        (["resolve", "A-1", "notification", "--retry"], "notification has no undo"),
        (["resolve", "A-1", "payment", "--handled"], "note must say what was done by hand"),
        (["resolve", "A-1", "shipping", "--handled", "--note", "x"], "Either voided (no parcel can go)"),
        (
            ["resolve", "A-1", "shipping", "--handled", "--voided", "--dispatched", "--note", "x"],
            "either --voided or --dispatched",
        ),
        (
            ["resolve", "A-1", "payment", "--handled", "--voided", "--note", "x"],
            "voided is an answer about shipping",
        ),
        (["retry", "A-1", "--note", "two\nlines"], "note must not hold line breaks"),
        (["retry", "A-1", "--who", ""], "who must say who answers"),
        (["give-up", "A-1", "--note", "n" * 501], "note must be at most 500 characters"),
    ],
)
async def test_what_cannot_be_meant_is_told_in_one_line(arguments: list[str], told: str) -> None:
    with pytest.raises(InvalidUsage) as refused:
        await run_command(arguments)

    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(("program", "missing"), [("starter.py", "cyclopts"), ("worker.py", "structlog")])
def test_another_python_than_ours_is_told_in_one_line(program: str, missing: str) -> None:
    """Our own words say `python starter.py`, which may be the system's."""
    bare = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; runpy.run_path({program!r}, None, '__main__')"
    )
    run = subprocess.run([sys.executable, "-c", bare], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == (
        f"{program}: this Python has no module {missing}: run it as .venv/bin/python {program}; "
        "`make demo` makes .venv\n"
    )


@pytest.mark.parametrize(
    ("program", "told"), [("order-system", "python -m worker"), ("starter.py", "{python} worker.py")]
)
def test_a_worker_is_started_as_the_command_was(tmp_path: Path, program: str, told: str) -> None:
    (tmp_path / program).write_text("from order_system.infra.process import WORKER\nprint(WORKER)")
    python = os.path.relpath(sys.executable, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.check_output([python, program], cwd=tmp_path, env=environment, text=True)
    assert said.strip() == told.format(python=python)


async def test_a_setting_that_a_gateway_needs_is_told_apart_without_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDER_CARRIER", "http")
    await run_command(["gateways"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("│")[2].strip() for line in lines if " ORDER_CARRIER_" in line] == [
        "missing",
        "not set",
    ]


def test_ctrl_c_is_as_quiet_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: str) -> SimpleNamespace:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as a closed event loop leaves it
        return SimpleNamespace(main=lambda: 0)

    monkeypatch.setattr(process, "load", load)
    monkeypatch.setattr(process, "collect_less_garbage", lambda: None)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert starter.main() == 0
        assert signal.getsignal(signal.SIGINT) not in (signal.default_int_handler, signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGINT, before)


NOT_IMPORTED = """
import sys
sys.modules.update(stripe=None, aiosmtplib=None, examples=None)
from order_system.cli.app import main

def imported(*names):
    print([name for name in names if name in sys.modules], file=sys.stderr)

main(["--help"])
imported("temporalio", "sqlalchemy")
print("gateways:")
main(["gateways", "--json"])
main(["gateways"])
imported("httpx", "jinja2")
main(["compare"])
main(["completion", "bash"])
"""


def test_what_is_not_needed_is_not_imported_and_compare_needs_a_clone() -> None:
    """The list tells which extra brings each gateway, and imports neither those that are there nor those that
    are not."""
    run = subprocess.run(
        [sys.executable, "-c", NOT_IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *imported, told = run.stderr.splitlines()
    assert imported == ["[]", "[]"]
    assert told.startswith("starter.py: compare needs the folder `examples`: run starter.py in a clone. ")
    assert "monolith" not in run.stdout, "nor is it listed, or completed"
    listed = run.stdout.partition("gateways:\n")[2]
    document, end = json.JSONDecoder().raw_decode(listed)
    ports = {each["setting"]: each for each in document}
    payments, mailer = ports["ORDER_PAYMENTS"], ports["ORDER_MAILER"]
    assert payments["there_are"] == mailer["there_are"] == ["http", "simulated"]
    assert payments["to_install"] == {"stripe": "pip install -e '.[stripe]'"}
    assert mailer["to_install"] == {"smtp": "pip install -e '.[smtp]'"}
    assert "stripe: pip install -e '.[stripe]'" in listed[end:]


async def test_a_pipe_carries_the_findings_of_a_check_and_not_how_far_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screen, "SECONDS_BETWEEN_WORDS", 0)
    monkeypatch.setattr(checking, "get_context", lambda _: Forked())
    monkeypatch.setenv("ORDER_LATENCY_MIN", "0")
    monkeypatch.setenv("ORDER_LATENCY_MAX", "0.001")
    await run_command(["gateways", "check", "mailer"])
    *findings, counts = capfd.readouterr().out.splitlines()
    words = [line.split()[0] for line in findings]
    # Whether a call was hit while it was under way is a matter of moments.
    assert [*words[:6], *words[7:]] == ["kept"] * 8
    assert counts == f"{words.count('kept')} kept, 0 broken, {words.count('not')} not shown"


async def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for name, why in ((tmp_path / "missing.json", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidOrder, match=f"{name} cannot be read: {why}"):
            await run_command(["submit", str(name)])


async def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_command(["schema"]) == 0

    assert "order_id" in json.loads(capsys.readouterr().out)["$defs"]["OrderForm"]["properties"]


async def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_command(["scenarios", "--json"]) == 0

    listed = {scenario["name"]: scenario for scenario in json.loads(capsys.readouterr().out)}
    assert (listed["card-declined"]["status"], listed["card-declined"]["failed_step"]) == (
        "failed",
        "payment",
    )


async def test_migrate_makes_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path))

    assert await run_command(["migrate"]) == 0

    assert (tmp_path / "orders.db").exists()
    assert f"{tmp_path}/orders.db is up to date" in capsys.readouterr().out.replace("\n", "")


async def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_command(["--help"]) == 0

    shown = capsys.readouterr().out
    for word in ("--embedded", "Exit codes", "ORDER_DATA_DIR", "TEMPORAL_ADDRESS", "compare", "audit"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("command", ["attention", "resolve", "retry", "give-up", "serve"])
async def test_the_help_of_commands_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_command([command, "--help"]) == 0

    shown = capsys.readouterr().out
    for words in ("Examples", f"python starter.py {command}", "Exit codes"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("statuses", "code", "strict_code"),
    [
        ([OrderStatus.FULFILLED, OrderStatus.FULFILLED], 0, 0),
        ([OrderStatus.FULFILLED, OrderStatus.FAILED], 0, 4),
        ([OrderStatus.CANCELLED], 0, 4),
        ([OrderStatus.FAILED, OrderStatus.NEEDS_ATTENTION], 1, 1),
        ([OrderStatus.TERMINATED], 1, 1),
    ],
)
def test_exit_codes(statuses: list[OrderStatus], code: int, strict_code: int) -> None:
    orders = [
        OrderProgress(order_id="A", workflow_id="order-A", run_id=None, status=status, children=())
        for status in statuses
    ]

    assert exit_code(orders) == code
    assert exit_code(orders, strict=True) == strict_code


def test_a_shell_completes_commands_and_their_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/order-system"])
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    for words, expected in (("sta", "status"), ("status --js", "--json")):
        typed = f"COMP_WORDS=(order-system {words}); COMP_CWORD={len(words.split())}; _order_system"
        completed = f'source {script}; {typed}; echo "${{COMPREPLY[@]}}"'
        run = subprocess.run(["bash", "-c", completed], capture_output=True, text=True, check=True)
        assert run.stdout.split() == [expected]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


INSTALLED = "import sys, starter; sys.argv[0] = '/usr/bin/order-system'; starter.main()"


@pytest.mark.parametrize(
    ("typed", "called", "named"),
    [
        (["starter.py"], os.path.relpath(sys.executable, ROOT), None),
        (["-c", INSTALLED], sys.executable, "order-system"),
    ],
    ids=["in a clone", "installed"],
)
def test_commands_to_copy_begin_as_the_one_that_was_typed(
    typed: list[str], called: str, named: str | None
) -> None:
    command = [called, *typed, "status", "A-1"]
    told = subprocess.run(
        command, cwd=ROOT, env={"ORDER_KEYS": "/no/key"}, capture_output=True, text=True, check=False
    ).stderr
    assert told.startswith(f"{named or 'starter.py'}: ORDER_KEYS: ")
    assert f"`{named or f'{called} starter.py'} keys new`" in told
