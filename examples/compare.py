"""`compare`: the monolith and this design, on the same orders with the same faults, each in a world of its
own that is thrown away. What counts is what each leaves behind."""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from temporalio.client import WorkflowFailureError

from examples.aftermath import Aftermath, aftermath
from examples.monolith import fulfil_order
from order_system.audit.report import AuditReport, audit_now
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.cli.options import ATTENTION, CLEAN
from order_system.cli.orders.samples import sample_id, sample_orders
from order_system.cli.screen import Screen
from order_system.cli.session import embedded_session
from order_system.domain.errors import OrderSystemError
from order_system.domain.ids import order_workflow_id
from order_system.domain.money import format_amount
from order_system.domain.order import Order
from order_system.gateways.loading import chosen, not_simulated
from order_system.infra.settings import SIMULATED, Settings, load_settings
from order_system.infra.temporal.embedded import EmbeddedServer

AT_ONCE = 20
CURRENCY = "USD"
"""One for all orders, so that money can be added up."""

Fulfil = Callable[[Order], Awaitable[object]]


async def compare(
    *,
    orders: Annotated[
        int, Parameter(validator=Number(gte=1, lte=10_000), help="How many orders, 1 to 10,000.")
    ] = 200,
    seed: Annotated[int, Parameter(help="Seed of the faults; the same seed replays the same run.")] = 7,
    as_json: Annotated[bool, Parameter(name="--json", help="Print JSON on stdout.")] = False,
) -> int:
    batch, screen = _orders(orders), Screen(as_json=as_json)
    if others := not_simulated(chosen(load_settings())):
        screen.say(f"This compares on simulated gateways, and not on {', '.join(others)}.")
    with tempfile.TemporaryDirectory(prefix="order-compare-") as folder:
        before = await _run_monolith(_world(Path(folder, "monolith"), seed), batch)
        after, report = await _run_workflows(_world(Path(folder, "workflows"), seed), batch)
    document = {
        "orders": orders,
        "seed": seed,
        "monolith": asdict(before),
        "workflows": {**asdict(after), "audit_clean": report.clean},
    }
    screen.answer(document, _table(seed, before, after, report))
    return CLEAN if report.clean else ATTENTION


def _orders(number: int) -> list[Order]:
    templates = itertools.cycle(order for order in sample_orders(1) if order.currency == CURRENCY)
    return [
        template.model_copy(update={"order_id": sample_id(position)})
        for position, template in zip(range(1, number + 1), templates, strict=False)
    ]


def _world(folder: Path, seed: int) -> Settings:
    """Nothing of the user's own database is touched, nor his gateways."""
    folder.mkdir()
    return load_settings(
        **dict.fromkeys(("payments", "warehouse", "carrier", "mailer"), SIMULATED),
        data_dir=folder,
        database_url=None,
        statement=None,
        faults="default",
        fault_seed=seed,
        latency_min=0,
        latency_max=0,
    )


# --- the two runs ---------------------------------------------------------------------------------


async def _run_monolith(settings: Settings, orders: Sequence[Order]) -> Aftermath:
    async with open_order_system(settings) as system:
        world = system.world

        async def fulfil(order: Order) -> object:
            return await fulfil_order(order, world.payments, world.warehouse, world.carrier, world.mailer)

        reported = await _run_all("monolith", orders, fulfil)
        return await _look_back(system, orders, reported)


async def _run_workflows(settings: Settings, orders: Sequence[Order]) -> tuple[Aftermath, AuditReport]:
    server = EmbeddedServer(settings.data_dir, port=0, ui_port=0, headless=True)
    async with embedded_session(settings, Screen(as_json=False), server) as session:

        async def fulfil(order: Order) -> object:
            await session.client.submit(order)
            return await session.temporal.get_workflow_handle(order_workflow_id(order.order_id)).result()

        reported = await _run_all("workflows", orders, fulfil)
        report = await audit_now(session.system.book, session.system.world)
        return await _look_back(session.system, orders, reported), report


async def _run_all(name: str, orders: Sequence[Order], fulfil: Fulfil) -> set[str]:
    """The IDs of the orders that were reported as fulfilled."""
    places = asyncio.Semaphore(AT_ONCE)
    reported: set[str] = set()

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        done = bar.add_task(name, total=len(orders))

        async def one(order: Order) -> None:
            async with places:
                try:
                    await fulfil(order)
                except (OrderSystemError, WorkflowFailureError):
                    pass
                else:
                    reported.add(order.order_id)
            bar.advance(done)

        await asyncio.gather(*map(one, orders))
    return reported


async def _look_back(system: OrderSystem, orders: Sequence[Order], reported: set[str]) -> Aftermath:
    return aftermath(orders, await system.world.statement(), reported)


# --- the table ------------------------------------------------------------------------------------


def _table(seed: int, before: Aftermath, after: Aftermath, report: AuditReport) -> Table:
    table = Table(
        title=f"{before.orders} orders, the same faults (seed {seed})",
        title_style="bold",
        header_style="bold",
    )
    table.add_column("What is left behind")
    table.add_column("Monolith", justify="right")
    table.add_column("Parent and children", justify="right")
    rows: tuple[tuple[str, Callable[[Aftermath], tuple[int, str]]], ...] = (
        ("customers charged without a parcel", lambda run: (run.charged_without_parcel, _money(run))),
        ("customers charged twice", lambda run: (run.charged_twice, "")),
        ("orders that hold stock for nobody", lambda run: (run.orders_holding_stock, _pieces(run))),
        ("labels bought and never used", lambda run: (run.idle_labels, "")),
        ("parcels sent, but the order reported as failed", lambda run: (run.sent_but_reported_failed, "")),
        ("fulfilled, but the customer never told", lambda run: (run.fulfilled_without_notice, "")),
    )
    table.add_row("orders fulfilled", str(before.fulfilled), str(after.fulfilled))
    table.add_row("orders failed cleanly", str(before.failed_cleanly), str(after.failed_cleanly))
    table.add_section()
    for label, damage in rows:
        table.add_row(label, *(_damage(*damage(run)) for run in (before, after)))
    table.add_section()
    audited = Text("clean", style="green") if report.clean else Text("BROKEN", style="bold red")
    table.add_row("audit of book against world", "keeps no book", audited)
    return table


def _damage(number: int, extent: str) -> Text:
    return Text(f"{number}{f' ({extent})' if number and extent else ''}", style="red" if number else "green")


def _money(run: Aftermath) -> str:
    return format_amount(run.money_without_parcel, CURRENCY)


def _pieces(run: Aftermath) -> str:
    return f"{run.pieces_held} pieces"
