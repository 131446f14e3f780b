"""`starter.py gateways`: which gateways are in place, which there are, and what each needs."""

from typing import Any

from rich.table import Table
from rich.text import Text

from order_system.cli.screen import Screen
from order_system.cli.session import CLEAN, Json, configured
from order_system.domain.errors import InvalidUsage
from order_system.gateways.loading import Port, chosen, find_factory, names_of, not_simulated, own_settings
from order_system.infra.settings import Settings, told_settings


def gateways(*, as_json: Json = False) -> int:
    """Show which payment gateway, warehouse, carrier and mailer are in place, and what each needs."""
    settings = configured()
    ports = [_port(port, name) for port, name in (dict.fromkeys(Port) | chosen(settings)).items()]
    Screen(as_json=as_json).answer(ports, _table(ports))
    return CLEAN


def refuse_unless_simulated(settings: Settings, what: str) -> None:
    """Raises InvalidUsage: a story's tokens mean nothing to a real gateway, or are charged."""
    if others := not_simulated(chosen(settings)):
        raise InvalidUsage(f"{what}, and {', '.join(others)} is another gateway: unset it")


def _port(port: Port, name: str | None) -> dict[str, Any]:
    """Raises InvalidSettings."""
    models = own_settings(port, find_factory(port, name)) if name else []
    return {
        "setting": port.variable,
        "in_place": name,
        "there_are": names_of(port),
        "needs": [each for model in models for each in told_settings(model, f"{port.variable}_")],
    }


def _table(ports: list[dict[str, Any]]) -> Table:
    table = Table(header_style="bold")
    for column in ("Setting", "In place", "There are"):
        table.add_column(column, overflow="fold")
    for port in ports:
        name = port["in_place"] or Text("none: the audit cannot compare", style="yellow")
        table.add_row(port["setting"], name, ", ".join(port["there_are"]))
        for need in port["needs"]:
            missing = Text("not set", style="bold red" if need["required"] else "dim")
            table.add_row(f"  {need['setting']}", need["value"] or missing, Text(need["takes"], style="dim"))
    return table
