"""`starter.py audit` and `migrate`: the order book held against the outside world, and its tables."""

from order_system.audit.report import audit_now
from order_system.bootstrap import migrate_database, open_order_system
from order_system.cli.options import ATTENTION, CLEAN, Json
from order_system.cli.reports import audit_view
from order_system.cli.screen import Screen
from order_system.cli.session import configured
from order_system.domain.errors import ServerUnreachable
from order_system.infra.temporal.connection import connect, reaching_server
from order_system.infra.temporal.servers import server_of
from order_system.orders.on_server import TemporalOrderRuns


async def audit(*, as_json: Json = False) -> int:
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


async def migrate(*, as_json: Json = False) -> int:
    database = await migrate_database(configured())
    Screen(as_json=as_json).answer({"database": database}, f"{database} is up to date")
    return CLEAN
