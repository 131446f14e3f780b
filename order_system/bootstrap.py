"""The composition root: settings -> book and gateways -> activities -> Worker.

`worker.py`, the command line, pages and API share it. Only this module opens order book and gateways."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities import batch_activities, order_activities
from activities.webhooks import Post, WebhookActivities
from order_system.attention.announcing import Announcements
from order_system.attention.client import AttentionClient
from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles
from order_system.batches.reports import BatchReports
from order_system.book.order_book import SqlOrderBook
from order_system.domain.errors import DatabaseUnready, InvalidSettings, OrderSystemError, ServerUnreachable
from order_system.domain.ids import step_queue, task_queue_of, worker_identity
from order_system.domain.order import Capture, Handling
from order_system.domain.policy import FORGET_EVERY
from order_system.domain.steps import Step
from order_system.domain.wording import parse_duration
from order_system.gateways.loading import Gateways, open_gateways
from order_system.infra import policy
from order_system.infra.changes import note
from order_system.infra.database import Database
from order_system.infra.database.engines import reason_of
from order_system.infra.logs import ActivityLogContext
from order_system.infra.process import load_extra
from order_system.infra.settings import Settings
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.temporal.around import OwnBookOnly
from order_system.infra.temporal.connection import sdk_runtime
from order_system.infra.temporal.registration import settle_in_again
from order_system.infra.temporal.servers import KnownServer, serving_from
from order_system.orders.client import OrderClient
from order_system.orders.forgetting import Forgetting
from order_system.orders.lists import OrderLists
from order_system.orders.noted_attempts import NotesAttempts
from order_system.orders.on_server import TemporalOrderRuns
from order_system.orders.watch import Watch
from order_system.reconciliation.abandoned import AbandonedOrders
from order_system.reconciliation.client import Reconciler
from workflows.registry import WORKFLOWS

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class OrderSystem:
    """Everything of ours that one process needs, over one database."""

    settings: Settings
    database: Database
    book: SqlOrderBook
    files: OrderFiles
    world: Gateways

    @property
    def task_queue(self) -> str:
        """The name of the task queue: it belongs to this book alone, unless it was set by hand."""
        return self.settings.task_queue or task_queue_of(self.book.book_id)

    def activities(self, temporal: Client) -> Sequence[Callable[..., Any]]:
        book, runs = SqlOrderBook(self.database, KnownServer(temporal)), TemporalOrderRuns(temporal)
        return [
            *order_activities(book, self.world, runs, patience=self.settings.attempts),
            *batch_activities(book, self.files, runs),
            WebhookActivities(receiver_of(self.settings)).deliver,
            self.forgetting(temporal).forget_old,
        ]

    @asynccontextmanager
    async def serving(self, temporal: Client, **options: Any) -> AsyncGenerator[None]:
        """Run the workers during the block. From then on the reconciler has its schedule on the server, also
        on one that comes back without its data. `options` go to the workers."""

        async def scheduled() -> None:
            await self.reconciler(temporal).ensure(timedelta(seconds=self.settings.reconcile_every))
            age = parse_duration(self.settings.forget_after or "0d")
            forgetting = self.reconciler(temporal, forget_after=age)
            await forgetting.ensure(FORGET_EVERY if age else age)

        with serving_from(self.settings.book_folder, temporal):
            async with self._workers(temporal, **options):
                looking = asyncio.create_task(settle_in_again(temporal, scheduled))
                try:
                    try:
                        await scheduled()
                    except OrderSystemError as trouble:  # orders go on without it
                        log.warning("the reconciler's schedule could not be seen to", reason=str(trouble))
                    async with self.watching(temporal):
                        yield
                finally:
                    looking.cancel()

    @asynccontextmanager
    async def _workers(self, temporal: Client, **options: Any) -> AsyncGenerator[None]:
        """Run a worker for each task queue during the block. At its end all begin to drain at once.

        Raises ServerUnreachable if the server goes away before the workers have begun."""
        of_steps = [step_queue(self.task_queue, step) for step in Step if self.settings.queues_by_step]
        alone = [self.worker(temporal, task_queue=queue, workflows=[], **options) for queue in of_steps]
        try:
            async with AsyncExitStack() as stack:
                made = (self.worker(temporal, **options), *alone)
                workers = [await stack.enter_async_context(each) for each in made]
                stack.push_async_callback(lambda: asyncio.gather(*(each.shutdown() for each in workers)))
                yield
        except RuntimeError as failure:  # the SDK has no narrower type, and no other sign
            if "code: Unavailable" not in str(failure):
                raise
            raise ServerUnreachable("the Temporal server has gone away") from failure

    def worker(self, temporal: Client, **options: Any) -> Worker:
        """Make a Worker that hosts everything. `options` are the SDK's and win over ours, for tests."""
        clients = self.attention_client(temporal), self.batch_client(temporal)
        announcing = Announcements(temporal, self.task_queue, self.book, *clients)
        defaults: dict[str, Any] = {
            "identity": worker_identity(temporal.identity, self.book.book_id),
            "task_queue": self.task_queue,
            "workflows": WORKFLOWS,
            "activities": self.activities(temporal),
            "interceptors": [
                ActivityLogContext(),
                OwnBookOnly(self.book.book_id),
                NotesAttempts(self.book, TemporalOrderRuns(temporal)),
                *([announcing] if self.settings.webhooks_url else []),
            ],
            # The sandbox finds code that is not deterministic by importing each workflow's modules anew for
            # every run of it: that is for the tests, which keep it (docs/adr/0003).
            "workflow_runner": UnsandboxedWorkflowRunner(),
            "graceful_shutdown_timeout": policy.WORKER_DRAIN,
            # We store no payload externally. With a higher limit the SDK makes a task to check each payload.
            "max_workflow_task_external_storage_concurrency": 1,
            "workflow_task_poller_behavior": PollerBehaviorAutoscaling(),
            "activity_task_poller_behavior": PollerBehaviorAutoscaling(),
        }
        return Worker(temporal, **{**defaults, **options})

    def watching(self, temporal: Client) -> AbstractAsyncContextManager[None]:
        """Report metrics of order book and server during a block, if metrics are on."""
        if TELEMETRY.metrics is None:
            return nullcontext()
        lists = OrderLists(self.book, temporal, self.task_queue)
        return Watch(lists, sdk_runtime().metric_meter).watching()

    @property
    def defaults(self) -> Handling:
        """How to carry out orders and batches that do not say it themselves."""
        return Handling.model_validate(self.settings, from_attributes=True)

    def client(self, temporal: Client) -> OrderClient:
        return OrderClient(
            temporal, self.book, task_queue=self.task_queue, defaults=self.defaults, links=self.settings
        )

    def reconciler(self, temporal: Client, *, forget_after: timedelta | None = None) -> Reconciler:
        book_id, queue = self.book.book_id, self.task_queue
        return Reconciler(temporal, book_id=book_id, task_queue=queue, forget_after=forget_after)

    def forgetting(self, temporal: Client) -> Forgetting:
        compact, uploads = self.database.compact, self.settings.uploads
        return Forgetting(temporal, self.book, uploads, self.world.forget, compact)

    def abandoned(self, temporal: Client) -> AbandonedOrders:
        return AbandonedOrders(temporal, self.book, TemporalOrderRuns(temporal))

    def attention_client(self, temporal: Client) -> AttentionClient:
        abandoned, reconciler = self.abandoned(temporal), self.reconciler(temporal)
        return AttentionClient(
            temporal, self.book, abandoned, reconciler, task_queue=self.task_queue, links=self.settings
        )

    def batch_reports(self) -> BatchReports:
        """Return the reports that need no server: the plan of a file, and what became of each line."""
        return BatchReports(self.book, self.files)

    def batch_client(self, temporal: Client) -> BatchClient:
        return BatchClient(
            temporal, self.book, self.files, task_queue=self.task_queue, defaults=self.defaults
        )


def receiver_of(settings: Settings) -> Post | None:
    """Return what posts to the receiver of webhooks, if there is one. InvalidSettings without the extra."""
    if settings.webhooks_url is None:
        return None
    sending = load_extra("order_system.gateways.webhooks", "webhooks", "ORDER_WEBHOOKS_URL is set")
    return sending.Receiver(settings.webhooks_url, settings.webhooks_secret).post


@asynccontextmanager
async def open_order_system(settings: Settings) -> AsyncGenerator[OrderSystem]:
    """Open book and gateways. SQLite is migrated here, PostgreSQL only by `starter.py migrate`.

    Raises InvalidSettings for gateways that cannot be opened, DatabaseUnready for tables that are missing or
    outdated, and DatabaseUnreachable where waiting may help."""
    database = Database(settings.database, email_key=settings.email_key)
    try:
        await database.prepare()
        async with open_gateways(settings, database) as world:
            if settings.capture is Capture.ON_DISPATCH and not hasattr(world.payments, "void"):
                raise InvalidSettings(
                    f"ORDER_CAPTURE={settings.capture}: ORDER_PAYMENTS={settings.payments} cannot hold money "
                    "first and take it later: set ORDER_CAPTURE=at_once, or name another gateway"
                )
            yield OrderSystem(
                settings, database, SqlOrderBook(database), OrderFiles(settings.readable_roots), world
            )
    finally:
        await database.dispose()


async def migrate_database(settings: Settings) -> str:
    """Create or update the tables. Returns the URL, without its password. Raises DatabaseUnready."""
    database = Database(settings.database)
    try:
        await database.migrate()
    except SQLAlchemyError as failure:
        reason = reason_of(failure)
        told = f"the database {database.shown} cannot be brought up to date: {reason}"
        raise DatabaseUnready(told) from failure
    finally:
        await database.dispose()
    note("migrate", database.shown, "done")
    return database.shown
