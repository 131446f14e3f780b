"""What was given back, or paid, without us: noted, told by the audit, or for a person."""

import csv
import io
import json
from datetime import timedelta

import pytest

from order_system.audit.report import audit
from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import Remedy
from order_system.domain.errors import NotReached, RefundRefused
from order_system.domain.listing import OrderFilter
from order_system.domain.order import Order
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Effect
from order_system.infra import policy
from order_system.orders.exports import ExportFormat, exported
from order_system.orders.lists import OrderLists
from tests.fixtures.shops.refunds import give_back, refunded, resolved, states, stuck
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import WAIT_SECONDS
from tests.fixtures.steering.waiting import eventually


async def test_a_refund_made_at_the_provider_is_red_until_it_is_noted(shop: Shop, order: Order) -> None:
    ref = (await shop.book.find([order.order_id]))[order.order_id].ref
    outcome = await shop.book.outcome(order.order_id)
    assert outcome is not None
    await shop.world.payments.refund_part(
        f"{ref.key(Effect.CHARGE)}", charge_key=ref.key(Effect.CHARGE), receipt=outcome.payment, amount=500
    )
    assert not (await shop.audit()).clean

    noted = await give_back(shop, order, amount="5.00", made_elsewhere="re_1")
    assert (noted.state, noted.detail) == (RefundState.HANDLED, "made elsewhere: re_1")
    with pytest.raises(RefundRefused, match="noted already"):
        await give_back(shop, order, amount="5.00", made_elsewhere=" re_1")
    assert (await shop.audit()).refunds == (f"{order.order_id}: {noted}",)
    await shop.assert_clean()
    lists = OrderLists(SqlOrderBook(shop.book.database), shop.temporal, shop.task_queue)
    this = OrderFilter(order_ids=[order.order_id])
    as_csv = "".join([piece async for piece in exported(lists, this, None, ExportFormat.CSV)])
    [row] = csv.DictReader(io.StringIO(as_csv))
    as_line = "".join([piece async for piece in exported(lists, this, None, ExportFormat.JSONL)])
    assert row["refunds"] == json.loads(as_line)["refunds"] == str(noted)
    assert (await give_back(shop, order)).amount == order.total - 500
    assert await refunded(shop, order) == order.total
    await shop.assert_clean()


async def test_nothing_is_said_to_be_noted_before_it_is(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the ID of a refund that is stuck, whose workflow hears nothing of it."""
    shop.stage.unreachable("refund_part")
    name = await stuck(shop, order, monkeypatch)
    with monkeypatch.context() as impatient:
        impatient.setattr(policy, "ANSWER", timedelta(seconds=1))
        asked = await give_back(shop, order, amount="10.00", refund_id=name, made_elsewhere="re_1")
    assert asked.state is RefundState.UNDER_WAY
    await resolved(shop, order, name, Remedy.HANDLED)


async def test_what_was_made_elsewhere_is_noted_at_once(shop: Shop, order: Order) -> None:
    """In one transaction: between two, somebody might end its workflow, and ask for it again."""
    shop.stage.fail("before end_refund", lambda: NotReached("the worker is gone"))
    noted = await give_back(shop, order, amount="5.00", refund_id="here", made_elsewhere="re_1")
    assert noted.state is RefundState.HANDLED
    assert await states(shop, order) == [(RefundState.HANDLED, 500)]
    assert shop.stage.calls["before refund_part"] == 0


async def test_a_refund_that_the_gateway_forgot_is_red(shop: Shop, order: Order) -> None:
    await give_back(shop, order, amount="5.00")
    statement = await shop.world.statement()
    charges = tuple(
        type(each)(each.key, each.amount, 0) if order.order_id in each.key else each
        for each in statement.charges or ()
    )
    forgot = type(statement)(**{**vars(statement), "charges": charges})
    assert audit(await shop.book.ledger(), statement).clean
    assert not audit(await shop.book.ledger(), forgot).clean


async def test_an_order_that_is_paid_already_gives_its_own_back(shop: Shop, order: Order) -> None:
    """Two orders of one payment, whose other half is the other one's."""
    await shop.world.payments.receive("ch_shared", amount=3 * order.total, currency="USD")
    shared = [an_order(payment_method="paid:ch_shared") for _ in range(2)]
    for each in shared:
        await (await shop.start(each)).result()
    assert (await give_back(shop, shared[1], amount="10.00")).state is RefundState.REFUNDED
    [payment] = [each for each in (await shop.world.statement()).payments if each.reference == "ch_shared"]
    assert payment.refunded == 1000
    await shop.assert_clean()


async def test_what_was_taken_at_its_word_is_for_a_person_to_give_back(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cash = an_order(payment_method="paid:cash-1")
    await (await shop.start(in_cash)).result()
    name = await stuck(shop, in_cash, monkeypatch)

    async def says_so() -> bool:
        concerns = [each async for each in shop.attention.attention() if each.order_id == in_cash.order_id]
        return any("give back 10.00 USD by hand, paid as cash-1" in each.reason for each in concerns)

    await eventually(says_so, WAIT_SECONDS, "attention to know what to do")
    await resolved(shop, in_cash, name, Remedy.HANDLED)
    assert await states(shop, in_cash) == [(RefundState.HANDLED, 1000)]
    await shop.assert_clean()
