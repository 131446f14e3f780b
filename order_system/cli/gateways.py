"""`starter.py gateways`: which gateways are in place, what each needs, and whether it keeps its promises."""

from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Group
from rich.table import Column
from rich.text import Text

from order_system.cli.help import MORE_HELP
from order_system.cli.options import ATTENTION, CLEAN
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured
from order_system.cli.tables import FittingTable
from order_system.gateways.loading import Port, chosen, find_factory, names_of, own_settings
from order_system.infra.environment import told_settings
from order_system.testing.checking import CheckedPort, Finding, Verdict, check
from order_system.testing.playing import Options

gateways = App(name="gateways", help_epilogue=MORE_HELP)
_STYLES = {Verdict.KEPT: "green", Verdict.BROKEN: "bold red", Verdict.NOT_SHOWN: "yellow"}


@gateways.default
def listing(*, screen: Screen = PEOPLE) -> int:
    settings = configured()
    ports = [_port(port, name) for port, name in (dict.fromkeys(Port) | chosen(settings)).items()]
    screen.answer(ports, _table(ports))
    return CLEAN


@gateways.command(name="check", help_epilogue=MORE_HELP)
async def check_promises(
    port: CheckedPort,
    /,
    *,
    seed: Annotated[int, Parameter(help="Another one cuts calls off at other moments.")] = 0,
    options: Annotated[Options, Parameter(name="*")] = Options(),  # noqa: B008 - it is frozen
    screen: Screen = PEOPLE,
) -> int:
    """Play every promise of a gateway. THIS IS REAL: use your provider's sandbox.

    It makes some 100 charges, and refunds each at its end; with a gateway that can
    hold money, as many more, which it refunds or voids. Likewise it reserves,
    ships and sends. All its order IDs begin with GATEWAY-CHECK. Exit code 1: a promise is broken."""
    configured()

    def found(finding: Finding) -> None:
        told = Text(str(finding), no_wrap=True, overflow="ignore")
        told.stylize(_STYLES[finding.verdict], 0, len(str(finding).partition("\n")[0]))
        screen.show(Group(told))

    with screen.updating() as show:
        # Without words, a pipe carries the findings alone.
        findings = await check(
            port, options, seed=seed, progress=lambda which: show(Text(which), ""), found=found
        )
    counts = Counter(finding.verdict for finding in findings)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    if counts[Verdict.BROKEN] > 1:
        told += "; begin with the first that is broken, others may follow from it"
    screen.answer([asdict(finding) for finding in findings], told)
    return ATTENTION if counts[Verdict.BROKEN] else CLEAN


def _port(port: Port, name: str | None) -> dict[str, Any]:
    """Describe a port for `--json` and the table. Raises InvalidSettings."""
    models = own_settings(port, find_factory(port, name)) if name else []
    names = names_of(port)
    return {
        "setting": port.variable,
        "in_place": name,
        "there_are": [each for each, missing in names.items() if not missing],
        "to_install": {each: missing for each, missing in names.items() if missing},
        "needs": [each for model in models for each in told_settings(model, f"{port.variable}_")],
    }


def _table(ports: list[dict[str, Any]]) -> FittingTable:
    table = FittingTable(*(Column(title, overflow="fold") for title in ("Setting", "In place", "There are")))
    for port in ports:
        name = port["in_place"] or Text("none: the audit cannot compare", style="yellow")
        there_are = [", ".join(port["there_are"]), *map(": ".join, port["to_install"].items())]
        table.add_row(port["setting"], name, Text("\n".join(there_are)))
        for need in port["needs"]:
            unset = Text("missing", style="bold red") if need["required"] else Text("not set", style="dim")
            table.add_row(f"  {need['setting']}", need["value"] or unset, Text(need["takes"], style="dim"))
    return table
