"""Every attempt at an effect and an undo is kept with what it failed of, and nothing personal with it."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from order_system.domain import policy
from order_system.domain.errors import AnswerLost, NoticeRefused, NotReached, ShippingRefused
from order_system.domain.order import Address, Customer, FirstAttempts, Order, SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.orders.noted_attempts import NotesAttempts
from order_system.orders.on_server import TemporalOrderRuns
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stage import Staged
from tests.fixtures.steering.retries import retry_effects

WAIT_SECONDS = 60
SOON = timedelta(milliseconds=10)


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    retry_effects(monkeypatch, replace(policy.EFFECT_RETRY, initial_interval=SOON, maximum_interval=SOON))


async def run(shop: Shop, order: Order) -> list[AttemptMade]:
    """To its end."""
    async with shop.open():
        handle = await shop.start(order)
        async with asyncio.timeout(WAIT_SECONDS):
            await shop.ended(handle)
    made, _ = await shop.book.history((await shop.book.find([order.order_id]))[order.order_id].ref)
    return made


@pytest.mark.parametrize("first", FirstAttempts)
async def test_attempts_that_fail_and_the_one_that_follows_them_are_told(
    shop: Shop, first: FirstAttempts
) -> None:
    shop.stage.unreachable("reserve", 2)
    shop.stage.answer_lost("charge", 1)
    shop.stage.fail("before dispatch", lambda: ShippingRefused("it is too heavy"))
    shop.stage.unreachable("refund", 1)

    made = await run(shop, an_order(first_attempts=first))

    assert [(each.activity, each.number, each.said) for each in made] == [
        ("charge", 1, "AnswerLost: charge: no answer"),
        ("charge", 2, None),
        ("reserve", 1, "NotReached: reserve: connection refused"),
        ("reserve", 2, "NotReached: reserve: connection refused"),
        ("reserve", 3, None),
        ("dispatch", 1, "ShippingRefused: it is too heavy"),
        ("refund", 1, "NotReached: refund: connection refused"),
        ("refund", 2, None),
    ]
    for before, after in pairwise(made):
        assert before.due_at <= before.began_at <= before.ended_at
        if before.activity == after.activity:
            assert before.ended_at <= after.due_at, "the pause between two attempts"


async def test_the_last_attempt_says_what_it_failed_of_and_not_only_that_it_was_the_last(shop: Shop) -> None:
    shop.stage.fail("before reserve", lambda: LookupError("a bug"))

    made = await run(shop, an_order())

    *before, last = (each.said for each in made if each.activity == "reserve")
    assert (set(before), last) == ({"LookupError: a bug"}, "LookupError: a bug; gave up after 6 attempts")


def everything(tx: Connection) -> str:
    """In the book; the simulated world has tables of its own."""
    tables = [name for name in inspect(tx).get_table_names() if name.startswith("book_")]
    return "\n".join(
        str(tuple(row)) for table in tables for row in tx.execute(text(f"SELECT * FROM {table}"))
    )


async def test_the_book_keeps_nothing_personal_of_what_gateways_say(shop: Shop) -> None:
    canary: dict[str, str] = {
        name: f"{name}-{uuid4().hex[:8]}" for name in ("name", "street", "city", "region", "postal_code")
    }
    email = f"{uuid4().hex[:8]}@example.com"
    order = an_order(
        customer=Customer(name=canary["name"], email=email),
        shipping_address=Address(**{name: canary[name] for name in canary if name != "name"}, country="US"),
        payment_method=f"pm_{uuid4().hex}",
    )
    told: dict[str, Any] = {**canary, "email": email, "token": order.payment_method}
    address = " ".join(canary[name] for name in canary if name != "name")  # a carrier is told no more
    words = f"no: {address}, {email.upper()}, {order.payment_method}"
    shop.stage.fail("before charge", lambda: NotReached(f"cannot read {order.payment_method} of {email}"), 1)
    shop.stage.fail("before buy_label", lambda: AnswerLost(words), 2)
    shop.stage.fail("before dispatch", lambda: ShippingRefused(f"{address} is not known, nor is {email}"))
    shop.stage.fail("before refund", lambda: NotReached(f"{canary['name']} of {words}"), 1)  # unasked
    shop.stage.fail("before send_details", lambda: NoticeRefused(f"nobody is called {canary['name']}"))
    shop.stage.fail("before send", lambda: NoticeRefused(f"nobody is called {canary['name']}"))

    made = await run(shop, order)

    assert {"charge", "buy_label", "dispatch", "refund", "notify"} <= {each.activity for each in made}
    kept = (await shop.book.database.read(everything)).lower()
    assert order.order_id.lower() in kept
    assert [name for name, value in told.items() if value.lower() in kept] == []


async def test_a_book_that_does_not_answer_changes_nothing_and_delays_little(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTEMPT_NOTED", SOON)
    shop.worker_options["interceptors"] = [
        NotesAttempts(Staged(shop.book, shop.stage), TemporalOrderRuns(shop.temporal))
    ]
    hold = shop.stage.hold("before note_attempt")  # for ever
    shop.stage.fail("before note_attempt", lambda: LookupError("a bug of ours"))
    shop.stage.unreachable("reserve", 2)
    order = an_order()

    await run(shop, order)  # which waits for the first note, and does not mind the second's failure

    await hold.reached()
    (await shop.accounts(order)).assert_fulfilled(order)


async def test_attempts_without_end_take_a_row_each_only_at_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTEMPTS_TOLD_APART", 2)
    ref = SubmissionRef(order_id=f"MANY-{uuid4().hex[:8]}", submission="s", fingerprint="f")
    began = datetime.fromisoformat("2026-11-25T09:00:00+00:00")
    for turn in range(2):  # a person has had it tried again: it counts from 1 once more
        for number in range(1, 7):
            at = began + timedelta(hours=turn, seconds=number)
            said = None if (turn, number) == (1, 6) else f"no {number}"
            made = {"number": number, "last_number": number, "due_at": at, "began_at": at, "ended_at": at}
            await shop.book.note_attempt(ref, AttemptMade(activity="refund", said=said, **made))

    made, answers = await shop.book.history(ref)

    assert answers == []
    assert [(each.number, each.last_number, each.said) for each in made] == [
        (1, 1, "no 1"),
        (2, 2, "no 2"),
        (3, 6, "no 6"),
        (1, 1, "no 1"),
        (2, 2, "no 2"),
        (3, 5, "no 5"),
        (6, 6, None),
    ]
    assert made[2].ended_at == began + timedelta(seconds=6)
