"""`starter.py` without a command: submit sample orders under the next free numbers, or one that plays a
story. And `scenarios`: list the stories.

`samples.jsonl` has five realistic orders, each with something of its own: one is as in the documents; one has
no region, but a fee and a discount; two have currencies with no decimals and with three; one has many lines
and everything that a bill can have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.table import Column
from rich.text import Text

from order_system.cli.ending import until_interrupted
from order_system.cli.options import CLEAN
from order_system.cli.orders.submit import follow
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, exit_code, open_session
from order_system.cli.tables import FittingTable
from order_system.cli.views import status_text
from order_system.domain.errors import InvalidUsage, OrderConflict
from order_system.domain.order import Order
from order_system.gateways.loading import chosen, not_simulated
from order_system.gateways.simulated.scenarios import SCENARIOS, Scenario, scenario_order
from order_system.infra.process import STARTER
from order_system.infra.settings import load_settings
from order_system.intake.reader import read_orders
from order_system.orders.client import OrderClient, Submitted

SAMPLE_PREFIX = "ORDER-"

_FILE = Path(__file__).with_name("samples.jsonl")
_SAMPLE_ID = re.compile(SAMPLE_PREFIX + r"([0-9]{1,12})", re.ASCII)


async def run_samples(
    *, embedded: bool, keep: bool | None, scenario: str | None, strict: bool, as_json: bool
) -> int:
    """Run samples. `keep` an embedded server up until Ctrl-C; None: only if a person is there to press it."""
    if keep is not None and not embedded:
        raise InvalidUsage("--keep is for --embedded: it leaves the embedded server's Web UI up")
    templates = sample_orders(1) if scenario is None else [scenario_order(scenario, sample_id(1))]
    settings, screen = configured(), Screen(as_json)
    if scenario is not None and (others := not_simulated(chosen(settings))):
        # A real gateway does not know a story's tokens, or charges them.
        told = f"and {', '.join(others)} is another gateway: unset it"
        raise InvalidUsage(f"--scenario plays its story with simulated gateways, {told}")
    if embedded and scenario is not None and "faults" not in settings.model_fields_set:
        # The worker is ours, so the story is played without random faults that would spoil it.
        settings = load_settings(faults="none")
    async with open_session(settings, screen, embedded=embedded, starts_orders=True) as session:
        if keep is None:  # with a person there, the links that are shown at the end shall work
            keep = session.owns_server and screen.has_a_person
        keep = keep and session.embedded
        orders = await submit_under_free_numbers(session.client, templates)
        code = exit_code(await follow(session, orders, keep=keep), strict=strict)
        if keep:
            pages = f"http://{settings.web_host}:{settings.web_port}"
            screen.say(f"To open the pages, in another terminal: {STARTER} serve --embedded, then {pages}")
            with screen.waiting("Ctrl-C ends the server and its Web UI"):
                await until_interrupted()
        return code


def scenarios(*, screen: Screen = PEOPLE) -> int:
    documents = [
        {"name": name, "story": each.story, "status": each.status, "failed_step": each.failed_step}
        for name, each in SCENARIOS.items()
    ]
    screen.answer(documents, scenarios_table(SCENARIOS))
    return CLEAN


def scenarios_table(scenarios: Mapping[str, Scenario]) -> FittingTable:
    name, ends = (Column(title, no_wrap=True) for title in ("Scenario", "The order ends"))
    table = FittingTable(name, "What happens", ends)
    for name, scenario in scenarios.items():
        table.add_row(name, Text(scenario.story), status_text(scenario.status))
    return table


def sample_orders(first_number: int) -> list[Order]:
    """Return the samples as `ORDER-<first_number>` and the numbers that follow, of at least three digits."""
    return [
        order.model_copy(update={"order_id": sample_id(number)})
        for number, order in enumerate(read_orders(_FILE.read_bytes(), _FILE.name), first_number)
    ]


def sample_id(number: int) -> str:
    return f"{SAMPLE_PREFIX}{number:03d}"


def next_sample_number(existing_ids: Iterable[str]) -> int:
    """Return one more than the largest number in use; 1 if there is none. Other kinds of IDs do not count."""
    numbers = (int(match[1]) for match in map(_SAMPLE_ID.fullmatch, existing_ids) if match)
    return max(numbers, default=0) + 1


async def submit_under_free_numbers(client: OrderClient, templates: Sequence[Order]) -> list[Order]:
    """Submit the orders under the numbers after the highest in use. If another starter has taken a number
    meanwhile, try the next one."""
    number = next_sample_number(await client.known_order_ids(SAMPLE_PREFIX))
    submitted: list[Order] = []
    while len(submitted) < len(templates):
        order = templates[len(submitted)].model_copy(update={"order_id": sample_id(number)})
        with suppress(OrderConflict):
            if (await client.submit(order)).how is Submitted.STARTED:
                submitted.append(order)
        number += 1
    return submitted
