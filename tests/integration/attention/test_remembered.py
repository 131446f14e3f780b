"""Orders whose provider charges as often as it is asked, and does not tell; behind `Remembered`."""

import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.engine import Connection

from order_system.domain.answers import AnswerResult
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.gateways import Statement
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Effect, Step
from order_system.gateways.remembered import intents
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.gateways import forgetful, sound
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import ended, journal, resolution, resolve, status_in_book, stuck, the_concern
from tests.fixtures.steering.waiting import eventually

SECONDS = 60


async def told_by_provider(books: sound.Books) -> Statement:
    async with sound.statement(books) as accounts:
        assert isinstance(accounts, sound.Accounts)
        return await accounts.statement()


async def test_a_worker_killed_in_a_charge_charges_no_second_time_and_a_person_is_called(
    shop: Shop, dev_server: EmbeddedServer, sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    books = sound.Books(books=tmp_path / "provider.db")
    environment = {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_TASK_QUEUE": shop.task_queue,
        "ORDER_PAYMENTS": f"{forgetful.__name__}:payments",
        "ORDER_PAYMENTS_BOOKS": str(books.books),
    }
    order = an_order(payment_method=forgetful.NEVER_ANSWERED)
    async with worker_process(tmp_path / "worker.log", **environment) as worker:
        await shop.client.submit(order)

        async def charged() -> bool:
            return bool((await told_by_provider(books)).charges)

        await eventually(charged, SECONDS, "the charge, which is never answered")
        worker.kill()
        await worker.wait()
    await sqlite_database.write(_it_has_taken_too_long)
    async with forgetful.payments(books, sqlite_database) as payments:
        shop.world.payments = payments  # pyright: ignore[reportAttributeAccessIssue]
        async with shop.open():
            await stuck(shop, order, Step.PAYMENT)
            concern = await the_concern(shop, order)
            assert re.search(
                r"charge was begun once, at \S+ \S+ UTC by process \d+@.*, and no answer came\. It is not "
                r"sent again\. Look at the provider: if it was made, refund it there\. "
                rf"Key: {order.order_id}:\S+$",
                concern.reason,
            )
            handle = shop.handle(order)
            assert (await resolve(handle, resolution(Step.PAYMENT))).result == AnswerResult.HANDLED
            await ended(shop, handle)
            progress = await shop.client.status(order.order_id)
    assert (progress.status, progress.failed_step) == (OrderStatus.FAILED, Step.PAYMENT)
    assert (progress.reason or "").startswith("OutcomeUnknown: charge was begun once, at ")
    charge = (await journal(shop, order))[Effect.CHARGE]
    assert (charge.state, charge.attempts) == (EffectState.HANDLED, 2)  # no third one would help
    assert await status_in_book(shop, order) is SubmissionStatus.FAILED
    [at_provider] = (await told_by_provider(books)).charges
    assert (at_provider.amount, at_provider.refunded) == (order.total, 0)


def _it_has_taken_too_long(tx: Connection) -> None:
    """Whoever made the call has died, and nobody waits for its answer any more."""
    assert tx.execute(update(intents).values(over_at=datetime.now(UTC))).rowcount == 1
