"""`starter.py schema` and `scenarios`: what may be submitted."""

from order_system.cli.options import CLEAN, Json
from order_system.cli.reports import scenarios_table
from order_system.cli.screen import Screen
from order_system.gateways.simulated.scenarios import SCENARIOS
from order_system.intake.reader import order_schema


def schema(*, as_json: Json = False) -> int:
    del as_json  # it is JSON anyway
    Screen(as_json=True).answer(order_schema())
    return CLEAN


def scenarios(*, as_json: Json = False) -> int:
    documents = [
        {"name": name, "story": each.story, "status": each.status, "failed_step": each.failed_step}
        for name, each in SCENARIOS.items()
    ]
    Screen(as_json=as_json).answer(documents, scenarios_table(SCENARIOS))
    return CLEAN
