"""The commands of `starter.py`, thin over OrderClient. Each returns its exit code."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError, UnusedCliTokensError

from order_system.audit.report import audit_now
from order_system.bootstrap import migrate_database, open_order_system
from order_system.cli.attention.adopt import adopt
from order_system.cli.attention.answers import give_up, refund, resolve, retry
from order_system.cli.attention.listing import attention
from order_system.cli.batches.commands import batch
from order_system.cli.ending import run_to_exit_code, until_interrupted
from order_system.cli.gateways import gateways, refuse_unless_simulated
from order_system.cli.help import EPILOGUE, INTRODUCTION, MORE_HELP
from order_system.cli.orders.children import children
from order_system.cli.orders.samples import sample_orders
from order_system.cli.orders.status import read_status, show_status
from order_system.cli.orders.submit import follow, read_file, submit_all, submit_under_free_numbers
from order_system.cli.reconcile import reconcile
from order_system.cli.reports import audit_view, scenarios_table
from order_system.cli.screen import Screen
from order_system.cli.serve import serve
from order_system.cli.session import ATTENTION, CLEAN, Embedded, Json, configured, exit_code, open_session
from order_system.cli.simulate import simulate
from order_system.domain.errors import InvalidUsage, ServerUnreachable
from order_system.domain.order import Order
from order_system.gateways.simulated.scenarios import SCENARIOS, scenario_order
from order_system.infra.settings import load_settings
from order_system.infra.temporal.connection import connect, reaching_server
from order_system.infra.temporal.servers import server_of
from order_system.intake.reader import order_schema
from order_system.orders.client import Submitted
from order_system.orders.on_server import TemporalOrderRuns

app = App(
    name="starter.py",
    help=INTRODUCTION,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative="", show_default=False),
)

Strict = Annotated[bool, Parameter(help="Exit with 4 if an order was not fulfilled.")]
OrderId = Annotated[str, Parameter(help="For example ORDER-001.")]


@app.default
async def samples(
    *,
    embedded: Embedded = False,
    keep: Annotated[
        bool | None,
        Parameter(
            negative="--no-keep",
            help="With --embedded: keep server and Web UI up until Ctrl-C, or end at once. "
            "Default: keep them up on a terminal only.",
        ),
    ] = None,
    scenario: Annotated[
        str | None, Parameter(help="Submit one order that plays this story; `list` shows which there are.")
    ] = None,
    strict: Strict = False,
    as_json: Json = False,
) -> int:
    """Submit sample orders under the next free numbers and watch them."""
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
    async with open_session(settings, screen, embedded=embedded) as session:
        if keep is None:  # with a person there, the links that are shown at the end shall work
            keep = session.owns_server and screen.has_a_person
        keep = keep and session.embedded
        orders = await submit_under_free_numbers(session.client, templates)
        code = exit_code(await follow(session, screen, orders, keep=keep), strict=strict)
        if keep:
            with screen.waiting("Ctrl-C ends the server and its Web UI"):
                await until_interrupted()
        return code


@app.command(help_epilogue=MORE_HELP)
async def submit(
    file: Annotated[
        str,
        Parameter(
            help="JSON: one order, an array, or one on each line. `-` is stdin.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    embedded: Embedded = False,
    strict: Strict = False,
    as_json: Json = False,
) -> int:
    """Submit your own orders and watch them. Safe to repeat: nobody is charged twice."""
    orders = read_file(file)
    screen = Screen(as_json=as_json)
    async with open_session(configured(), screen, embedded=embedded) as session:
        for submission in await submit_all(session.client, orders):
            if submission.how is not Submitted.STARTED:
                screen.say(f"{submission.order_id} is {submission.how}; it is not started again")
        return exit_code(await follow(session, screen, orders), strict=strict)


@app.command(help_epilogue=MORE_HELP)
async def status(
    order_id: OrderId, /, *, embedded: Embedded = False, strict: Strict = False, as_json: Json = False
) -> int:
    """Show parent and children: state, attempts, how long each took, what was undone."""
    screen = Screen(as_json=as_json)
    result = await read_status(configured(), screen, order_id, embedded=embedded)
    show_status(screen, result)
    return exit_code([result.order], strict=strict)


@app.command(help_epilogue=MORE_HELP)
async def cancel(order_id: OrderId, /, *, embedded: Embedded = False, as_json: Json = False) -> int:
    """Ask for a cancel and wait for what comes of it: undone, too late, or already closed, for example."""
    screen = Screen(as_json=as_json)
    async with open_session(configured(), screen, embedded=embedded) as session:
        answer, order = await screen.heard(
            session.client.cancel(order_id),
            f"waiting for the answer about {order_id}",
            f"{order_id} has not answered yet. A cancel that the server has taken stands without us: it is "
            f"carried out when a worker runs (python starter.py attention)",
        )
        screen.answer({"verdict": answer, "order": order.model_dump(mode="json")}, f"{order_id}: {answer}")
        return exit_code([order])


@app.command(help_epilogue=MORE_HELP)
async def audit(*, as_json: Json = False) -> int:
    """Compare the order book with the outside world, and with the Temporal server if one answers."""
    screen = Screen(as_json=as_json)
    async with open_order_system(configured()) as system:
        runs = None
        try:
            async with reaching_server():
                temporal = await connect()
                await server_of(temporal)  # a namespace that is not there has completed nothing, and says so
            runs = TemporalOrderRuns(temporal)
        except ServerUnreachable:
            screen.say("no Temporal server answers: what has completed there was not compared")
        async with reaching_server():
            report = await audit_now(system.book, system.world, runs)
    screen.answer(report.model_dump(mode="json"), audit_view(report))
    return CLEAN if report.clean else ATTENTION


@app.command(help_epilogue=MORE_HELP)
def schema(*, as_json: Json = False) -> int:
    """Print the JSON Schema of what `submit` takes."""
    del as_json  # it is JSON anyway
    Screen(as_json=True).answer(order_schema())
    return CLEAN


@app.command(help_epilogue=MORE_HELP)
def scenarios(*, as_json: Json = False) -> int:
    """List the stories that `--scenario` plays."""
    documents = [
        {"name": name, "story": each.story, "status": each.status, "failed_step": each.failed_step}
        for name, each in SCENARIOS.items()
    ]
    Screen(as_json=as_json).answer(documents, scenarios_table(SCENARIOS))
    return CLEAN


@app.command(help_epilogue=MORE_HELP)
async def migrate(*, as_json: Json = False) -> int:
    """Create the database's tables, or bring them up to date."""
    database = await migrate_database(configured())
    Screen(as_json=as_json).answer({"database": database}, f"{database} is up to date")
    return CLEAN


app.command(reconcile, help_epilogue=MORE_HELP)
app.command(refund)
for command in (gateways, batch, children, attention, resolve, retry, give_up, adopt, serve, simulate):
    app.command(command)
app.command(  # loaded when it is asked for: an installed package has no examples
    "examples.compare:compare",
    help="Run the monolith and this design on the same orders with the same faults.",
    help_epilogue=MORE_HELP,
)


def _scenario_template(name: str) -> Order:
    try:
        return scenario_order(name, "ORDER-001")
    except ValueError as unknown:
        raise InvalidUsage(str(unknown)) from None


def _told(misuse: CycloptsError) -> str:
    """Cyclopts has plain words for most; not for what `samples` is given, where a command was meant."""
    tokens, chain = misuse.unused_tokens or [], misuse.command_chain or ()
    if isinstance(misuse, UnknownCommandError) and tokens[0].startswith("-"):
        return "Options come after the command."
    if not isinstance(misuse, UnusedCliTokensError):
        return str(misuse)
    if chain:
        return f"{' '.join(chain)} does not take {' '.join(tokens)!r}."
    if command := next((token for token in tokens if token in app), None):
        return f"Options come after the command: starter.py {command} ... and then the options."
    return str(UnknownCommandError(app=app, unused_tokens=tokens, verbose=False))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code and never raises."""
    return run_to_exit_code(lambda: run_command(arguments))


async def run_command(arguments: Sequence[str] | None) -> int:
    """Raises what the command raises, and InvalidUsage."""
    try:
        code: Any = await app.run_async(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as misuse:
        # Like every other mistake in one line, not in a box.
        raise InvalidUsage(f"{_told(misuse)} See starter.py --help.") from None
    except ImportError as failure:
        if getattr(failure.__cause__, "name", None) not in ("examples", "examples.compare"):
            raise
        raise InvalidUsage("compare needs the folder `examples`: run starter.py in a clone") from None
    return CLEAN if code is None else int(code)  # --help returns nothing
