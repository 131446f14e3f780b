"""Settings for a command, and its session with a Temporal server and the order system."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from temporalio.client import Client
from temporalio.service import RPCError

from order_system.attention.client import AttentionClient
from order_system.batches.client import BatchClient
from order_system.book.order_book import SqlOrderBook
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.cli.options import ATTENTION, CLEAN, NOT_FULFILLED
from order_system.cli.screen import Screen
from order_system.domain.errors import InvalidSettings, ServerUnreachable
from order_system.domain.ids import order_of_workflow, order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress
from order_system.infra import policy
from order_system.infra.changes import CHANGES
from order_system.infra.links import UiLinks
from order_system.infra.logs import configure_logging, log_file
from order_system.infra.process import WORKER
from order_system.infra.settings import Settings, load_settings
from order_system.infra.telemetry.process import SHORT, TELEMETRY
from order_system.infra.temporal.connection import CURE, answers, connect, outlasting, reaching_server
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import describe
from order_system.infra.temporal.servers import server_of_a_worker
from order_system.infra.temporal.workers import Workers
from order_system.orders.client import OrderClient


def configured(*, lives_long: bool = False) -> Settings:
    """Load the settings, and set up telemetry and log by them. Raises InvalidSettings."""
    settings = load_settings()
    service, number = ("order-serve", 1) if lives_long else ("order-starter", SHORT)
    TELEMETRY.turn_on(service, number=number)
    configure_logging(settings)
    logging.getLogger(CHANGES).propagate = lives_long  # a command tells its result itself
    # The SDK would log each try of a call to a server that is away; the command tells the result itself.
    logging.getLogger("temporalio.core").setLevel(logging.ERROR)
    return settings


def exit_code(orders: Sequence[OrderProgress], *, strict: bool = False) -> int:
    if any(order.status in (OrderStatus.NEEDS_ATTENTION, OrderStatus.TERMINATED) for order in orders):
        return ATTENTION
    if strict and any(order.status is not OrderStatus.FULFILLED for order in orders):
        return NOT_FULFILLED
    return CLEAN


@dataclass(frozen=True)
class Session:
    system: OrderSystem
    temporal: Client
    screen: Screen
    ui_url: str | None
    embedded: bool
    owns_server: bool = False
    """Whether this command started the embedded server, so that its Web UI ends with the command."""

    @property
    def client(self) -> OrderClient:
        return self.system.client(self.temporal)

    @property
    def batches(self) -> BatchClient:
        return self.system.batch_client(self.temporal)

    @property
    def attention(self) -> AttentionClient:
        return self.system.attention_client(self.temporal)

    async def order_meant(self, said: str) -> str:
        return await order_meant(said, self.system.book, self.temporal)

    def page(self, workflow_id: str, run_id: str | None) -> str | None:
        """Return the link to the Web UI's page that draws parent and children as a tree."""
        return UiLinks(self.ui_url, self.temporal.namespace).relationships(workflow_id, run_id)

    @asynccontextmanager
    async def watching(self, **shown: bool) -> AsyncGenerator[Callable[[RenderableType, str], None]]:
        """As `Screen.updating`, for what outlasts a time without server or worker: say when they go, and that
        they are back."""
        listening = asyncio.create_task(self._tell_of_silence())
        try:
            with self.screen.updating(**shown) as show:
                yield show
        finally:
            listening.cancel()

    async def _tell_of_silence(self) -> None:
        workers, away = Workers(self.temporal, self.system.task_queue), dict.fromkeys(_SILENCES, False)
        while True:
            before, away = away, away | {"server": not await answers(self.temporal)}
            if not away["server"]:
                with suppress(RPCError):  # it has gone meanwhile: the next look tells that
                    away["worker"] = not await workers.surely_at_work()
            for who, (gone, back) in _SILENCES.items():
                if away[who] is not before[who]:
                    self.screen.say(gone if away[who] else back)
            await asyncio.sleep(policy.ANSWER_ASSUMED.total_seconds())


_WAITS = f"waiting for it, for up to {policy.SERVER_AWAY.total_seconds():g} s"
_SILENCES = {
    "server": (f"the Temporal server does not answer; {_WAITS}", "the Temporal server answers again"),
    "worker": (f"no worker takes work, so nothing goes on: start {WORKER}", "a worker is at work"),
}


async def order_meant(said: str, book: SqlOrderBook, temporal: Client | None = None) -> str:
    """Return the order that is meant by an order's ID or a workflow's. An order of just this ID wins."""
    order_id = order_of_workflow(said)
    if order_id is None or said in await book.find([said]):
        return said
    if temporal is not None:
        async with reaching_server():
            if await describe(temporal, order_workflow_id(said)) is not None:
                return said
    return order_id


@asynccontextmanager
async def open_session(
    settings: Settings, screen: Screen, *, embedded: bool = False, starts_orders: bool = False
) -> AsyncGenerator[Session]:
    """Open a session. With `embedded`, server and worker live as long as the block, and nothing else has to
    run. But if a worker already works on the same orders for another server, that server is used: a second
    one would know nothing of them.

    Raises ServerUnreachable, InvalidSettings, DatabaseUnready."""
    codec = f"http://localhost:{settings.web_port}/api/codec" if settings.keys else None
    server = EmbeddedServer(settings.data_dir, codec_endpoint=codec)
    served = embedded and not server.runs_already and await server_of_a_worker(settings.book_folder)
    if served or not embedded:
        temporal = served or await _connected(server)
        address = temporal.service_client.config.target_host
        if served:
            screen.say(f"a worker is at work here already: using its Temporal server at {address}")
        async with open_order_system(settings) as system:
            if starts_orders:
                await _seals_as_workers_do(system, temporal)
            ui_url = server.ui_at(address) or settings.ui_url
            yield Session(system, temporal, screen, ui_url, embedded=False)
        return
    async with AsyncExitStack() as stack:
        with screen.waiting("starting an embedded Temporal server and a worker"):
            session = await stack.enter_async_context(embedded_session(settings, screen, server))
        screen.say(f"Temporal at {server.address}, Web UI {session.ui_url or 'off'}")
        log, here = worker_log(settings), Path.cwd()
        screen.say(f"worker's log: {log.relative_to(here) if log.is_relative_to(here) else log}")
        yield session


async def server_if_any(settings: Settings) -> Client:
    """Return a client that connects with its first call, for commands that the book alone can answer."""
    return await server_of_a_worker(settings.book_folder, lazy=True) or await connect(lazy=True)


async def _connected(embedded: EmbeddedServer) -> Client:
    """Connect. Raises ServerUnreachable, with the cure if a run with --embedded has used this folder."""
    try:
        return await connect()
    except ServerUnreachable as unreachable:
        if not embedded.has_run:
            raise
        ours = "The orders of a run with --embedded are on a server of their own: say --embedded here, too."
        raise ServerUnreachable(f"{str(unreachable).removesuffix(CURE)}{ours}") from unreachable


@asynccontextmanager
async def embedded_session(
    settings: Settings, screen: Screen, server: EmbeddedServer
) -> AsyncGenerator[Session]:
    """Run a worker on the embedded server. Raises EmbeddedServerFailed, InvalidSettings, DatabaseUnready."""
    async with server:
        # The worker's lines would break up the display, which shows the same.
        configure_logging(settings, file=log_file(worker_log(settings), is_first=server.owned))
        temporal = await connect(server.address, server.namespace)
        async with open_order_system(settings) as system:
            if not server.owned:
                await _seals_as_workers_do(system, temporal)
            async with server.kept_running(), system.serving(temporal):
                yield Session(
                    system, temporal, screen, server.ui_url, embedded=True, owns_server=server.owned
                )


async def _seals_as_workers_do(system: OrderSystem, temporal: Client) -> None:
    """Raise InvalidSettings if workers seal and we would not. Raises ServerUnreachable."""
    if not system.settings.keys and await outlasting(system.reconciler(temporal).is_sealed):
        raise InvalidSettings(
            "ORDER_KEYS is not set here, as it is for the workers: "
            "orders from here would be in clear on the Temporal server"
        )


def worker_log(settings: Settings) -> Path:
    return settings.data_dir / "worker.log"
