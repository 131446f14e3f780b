"""`starter.py` without a command: sample orders under the next free numbers, or one that plays a story. And
`scenarios` and `schema`: which stories there are, and what an order looks like."""

from order_system.attention.concerns import STARTER
from order_system.cli.ending import until_interrupted
from order_system.cli.gateways import refuse_unless_simulated
from order_system.cli.options import CLEAN, Json
from order_system.cli.orders.samples import sample_orders
from order_system.cli.orders.submit import follow, submit_under_free_numbers
from order_system.cli.reports import scenarios_table
from order_system.cli.screen import Screen
from order_system.cli.session import configured, exit_code, open_session
from order_system.domain.errors import InvalidUsage
from order_system.domain.order import Order
from order_system.gateways.simulated.scenarios import SCENARIOS, scenario_order
from order_system.infra.settings import load_settings
from order_system.intake.reader import order_schema


async def run_samples(
    *, embedded: bool, keep: bool | None, scenario: str | None, strict: bool, as_json: bool
) -> int:
    """`keep`: an embedded server until Ctrl-C. None: where somebody is there to press it."""
    if scenario == "list":
        return scenarios(as_json=as_json)
    if keep is not None and not embedded:
        raise InvalidUsage("--keep is for --embedded: it leaves the embedded server's Web UI up")
    templates = sample_orders(1) if scenario is None else [_scenario_template(scenario)]
    settings = configured()
    if scenario is not None:
        refuse_unless_simulated(settings, "--scenario plays its story with simulated gateways")
    if embedded and scenario is not None and "faults" not in settings.model_fields_set:
        # The worker is ours, so the story is played without random faults that would spoil it.
        settings = load_settings(faults="none")
    screen = Screen(as_json=as_json)
    async with open_session(settings, screen, embedded=embedded, starts_orders=True) as session:
        if keep is None:  # with a person there, the links that are shown at the end shall work
            keep = session.owns_server and screen.has_a_person
        keep = keep and session.embedded
        orders = await submit_under_free_numbers(session.client, templates)
        code = exit_code(await follow(session, screen, orders, keep=keep), strict=strict)
        if keep:
            pages = f"http://{settings.web_host}:{settings.web_port}"
            screen.say(f"To open the pages, in another terminal: {STARTER} serve --embedded, then {pages}")
            with screen.waiting("Ctrl-C ends the server and its Web UI"):
                await until_interrupted()
        return code


def _scenario_template(name: str) -> Order:
    try:
        return scenario_order(name, "ORDER-001")
    except ValueError as unknown:
        raise InvalidUsage(str(unknown)) from None


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
