"""Health: how orders go over time, money at risk, and who is at work."""

import re
from datetime import UTC, datetime, timedelta

from order_system.book.standing import Pulse
from order_system.domain.book import SubmissionStatus
from order_system.domain.steps import Effect
from order_system.infra.database import Database
from order_system.web.pages.health import charts_of
from tests.fixtures.databases.filled_book import effect, fill, submission
from tests.fixtures.web.seen_pages import seen
from tests.fixtures.web.web import WebShop

FULFILLED, FAILED, OPEN = SubmissionStatus.FULFILLED, SubmissionStatus.FAILED, SubmissionStatus.OPEN


async def test_it_tells_of_orders_money_and_workers(shop: WebShop, sqlite_database: Database) -> None:
    now = datetime.now(UTC)
    lately = {"opened_at": now - timedelta(minutes=10), "closed_at": now - timedelta(minutes=9)}
    orders = [
        submission("H-1", **lately),
        submission("H-2", FAILED, **lately),
        submission("H-3", OPEN, opened_at=now - timedelta(seconds=2)),
    ]
    charged = {"claimed_at": now - timedelta(seconds=2), "done_at": now - timedelta(seconds=1)}
    await fill(sqlite_database, orders, [effect("H-3", Effect.CHARGE, takes=1, **charged)])

    async with shop.open(), shop.browsing() as browser:
        answer = await browser.get("/health")
        page = seen(answer)

    assert "under way 1,059.97 USD 1 within a minute" in page.text
    assert answer.text.count('<svg class="drawing columns"') == 3
    assert re.search("1 (fulfilled|failed), 1 (fulfilled|failed)", answer.text)
    assert "50 % of 2" in answer.text
    assert "0 workflow tasks wait" in page.text
    assert page.links["/health?since=day"] == "Last day"


def test_columns_stand_on_each_other_and_the_highest_fills_the_height() -> None:
    began = datetime(2026, 11, 25, 9, tzinfo=UTC)
    begun, failed, took = charts_of(
        [
            Pulse(began, {FULFILLED: 3, FAILED: 1}, [100, 200, 300, 400]),
            Pulse(began, {OPEN: 2}, []),
            Pulse(began, {}, []),
        ]
    )
    assert (begun.top, took.top) == ("4 orders", "400 ms")
    assert [column.heights for column in begun.columns] == [{"fulfilled": 75, "failed": 25}, {"open": 50}, {}]
    assert [column.heights for column in failed.columns] == [{"failed": 25}, {}, {}]
    assert [column.heights for column in took.columns] == [{"median": 50, "most": 50}, {}, {}]
    assert took.columns[0].words == "half within 200 ms, 9 of 10 within 400 ms"
