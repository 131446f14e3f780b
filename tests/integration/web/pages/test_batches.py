"""A file of orders through the pages: upload, plan, run, progress, retry."""

import csv
import io
from collections.abc import Iterable
from copy import copy
from datetime import timedelta
from unittest.mock import AsyncMock
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx import AsyncClient, Response
from temporalio.common import RetryPolicy

from order_system.batches.client import BatchClient
from order_system.domain import policy
from order_system.domain.answers import Remedy, Resolution
from order_system.domain.errors import ShippingRefused
from order_system.domain.steps import Step
from tests.fixtures.documents.shop_export import export_of, order
from tests.fixtures.shops.batch_shop import HEADER, Row, row
from tests.fixtures.shops.flows import flow_in_history
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.seen_pages import SeenPage, seen, shows
from tests.fixtures.web.web import AS_VIEWER, WebShop

WAIT_SECONDS = 60
# Orders and batches have names of their own in here, since tests share a server.


def text_of(rows: Iterable[Row]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue()


async def uploaded(browser: AsyncClient, text: str, file_name: str = "monday.csv", **form: str) -> Response:
    return await browser.post("/batches", files={"file": (file_name, text)}, data=form)


async def planned(browser: AsyncClient, text: str, **form: str) -> tuple[SeenPage, dict[str, str]]:
    """The plan's page, and what its form sends."""
    answer = await uploaded(browser, text, **form)
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    return seen(await browser.get(address)), dict(parse_qsl(urlsplit(address).query))


async def ended(browser: AsyncClient, name: str) -> SeenPage:
    page = seen(await browser.get(f"/batches/{name}"))

    async def has_ended() -> bool:
        nonlocal page
        page = seen(await browser.get(f"/batches/{name}"))
        return f"{name} finished" in page.text

    await eventually(has_ended, WAIT_SECONDS, f"the end of {name}")
    return page


async def test_orders_that_are_left_out_have_a_place_of_their_own(
    shop: WebShop, operator: AsyncClient
) -> None:
    text = export_of(
        order("#LO-1", cancelled=True), order("#LO-2", cancelled=True), order("#LO-3", quantity="none")
    )
    async with shop.open():
        plan, form = await planned(operator, text, name="left-out", format="shopify")
        nothing_to_run = plan.buttons
        await operator.post("/batches/run", data=form)
        page = await ended(operator, "left-out")
        document = (await operator.get("/api/batches/left-out")).json()
        outcome = await operator.get("/api/batches/left-out/outcome.csv")
        rejects = await operator.get("/api/batches/left-out/rejects.csv")
        found = seen(await operator.get("/batches?q=FT-OU"))
        none = seen(await operator.get("/batches?q=ft%25ou"))

    assert found.flaws == none.flaws == []
    assert ("left-out" in found.text, "No batch has that in its name" in none.text) == (True, True)
    assert plan.flaws == page.flaws == []
    assert "left out 2 leave them out: not to be shipped, says the shop" in plan.text
    assert "invalid 1" in plan.text
    assert "Left out: not to be shipped, says the shop" in plan.text
    assert "Run 0 orders" in nothing_to_run
    assert "There was no order to run" in page.text
    assert "2 orders on 2 rows left out" in page.text
    assert (document["counts"]["left_out"], document["counts"]["rejected"]) == (2, 1)
    assert [line["status"] for line in csv.DictReader(io.StringIO(outcome.text))] == [
        "left out",
        "left out",
        "rejected",
    ]
    assert [line["Name"] for line in csv.DictReader(io.StringIO(rejects.text))] == ["#LO-3"]


async def test_a_file_is_uploaded_planned_run_and_its_failed_orders_are_retried(
    shop: WebShop, operator: AsyncClient
) -> None:
    rows = [
        row("PB-5"),
        row("PB-1"),
        row("PB-2", card="pm_card_declined"),
        row("PB-3"),
        row("PB-4", quantity="0"),
        row("PB-5"),
    ]
    async with shop.open():
        plan, form = await planned(operator, text_of(rows), name="pages-run")
        nothing_yet = seen(await operator.get("/batches"))
        run = await operator.post("/batches/run", data={**form, "window": "5", "flow": "parallel"})
        page = await ended(operator, "pages-run")
        flow = await flow_in_history(shop.temporal, "PB-1")
        failed = seen(await operator.get("/batches/pages-run", params={"status": "failed"}))
        batches = seen(await operator.get("/batches"))
        again = await operator.post("/batches/pages-run/retry")
        retried = await ended(operator, "pages-run")

    assert plan.flaws == page.flaws == batches.flaws == failed.flaws == []
    assert "The file holds 3 orders on 6 rows." in plan.text
    assert "new 3 start them" in plan.text
    assert "An order, as it would be read" in plan.text
    assert "a run charges 3 orders, 89.97 USD" in plan.text
    assert "PB-1: Ada, ada@example.com, pays by pm_card_ok" in plan.text
    assert "1 x MOUSE-321 at 29.99 USD" in plan.text
    assert "quantity: must be between 1 and 10,000" in plan.text
    assert "the rows of this order stand apart, on lines 2 and 7" in plan.text
    assert "invalid 2" in plan.text
    assert flow == "parallel"
    assert "Run 3 orders" in plan.buttons
    assert "No batches yet." in nothing_yet.text
    assert run.headers["location"] == "/batches/pages-run?said=batch-started"

    assert "3 of 3 orders done" in page.text
    assert "2 fulfilled" in page.text
    assert "1 failed" in page.text
    assert "3 rows rejected" in page.text
    assert "/batches/pages-run/retry" in page.sends
    assert {"/api/batches/pages-run/outcome.csv", "/api/batches/pages-run/rejects.csv"} <= set(page.links)
    shown_orders = {link for link in failed.links if link.startswith("/orders/")}
    assert shown_orders == {"/orders/PB-2"}
    assert "payment: the card was declined" in failed.text
    assert batches.links["/batches/pages-run"] == "pages-run"
    assert again.headers["location"] == "/batches/pages-run?said=batch-started"
    assert "only what had failed before" in retried.text


async def test_the_numbers_by_status_are_those_of_the_list_below_them(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an order that waits while its batch runs, and that was answered after its batch had ended."""
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=timedelta(hours=1)))
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"), times=1)
    shop.stage.unreachable("refund")
    monkeypatch.setattr(policy, "BATCH_PATIENCE", timedelta(seconds=10))  # the pages are read meanwhile
    monkeypatch.setattr(policy, "BATCH_LAST_LOOK", timedelta(seconds=0.5))
    async with shop.open():
        _, form = await planned(operator, text_of([row("PN-1"), row("PN-2")]), name="pages-numbers")
        await operator.post("/batches/run", data={**form, "window": "1"})
        await shows(operator, "/batches/pages-numbers", "needs attention 1")
        with monkeypatch.context() as earlier:  # the progress was asked just before the order began to wait
            earlier.setattr(BatchClient, "_answered_since", AsyncMock(side_effect=copy))
            running = seen(await operator.get("/batches/pages-numbers"))
        waiting = seen(await operator.get("/batches/pages-numbers?status=needs_attention"))
        listed = await operator.get("/batches")
        told = (await operator.get("/api/batches/pages-numbers")).json()
        await ended(operator, "pages-numbers")
        answer = Resolution(who="ada", note="by hand", step=Step.PAYMENT, remedy=Remedy.HANDLED)
        await shop.attention.answer("PN-1", answer)
        answered = await shows(operator, "/batches/pages-numbers", "needs attention 0")
        document = (await operator.get("/api/batches/pages-numbers")).json()

    assert "all 2 running 0 fulfilled" in running.text
    assert (told["counts"]["running"], told["waiting"]) == (1, 1), "and so does the API"
    for page in (running.text, listed.text):
        assert "1 need attention" in page, "so says the bar, too"
    assert "PN-1 needs attention" in waiting.text
    assert "fulfilled 1 failed 1 cancelled 0 needs attention 0" in answered.text
    assert (document["counts"]["failed"], document["counts"]["needing_attention"]) == (1, 0)
    assert document["handed_on"] == []


async def test_a_batch_is_paused_resumed_and_cancelled(shop: WebShop, operator: AsyncClient) -> None:
    held = shop.stage.hold("before charge")
    async with shop.open():
        _, form = await planned(operator, text_of([row(f"PP-{n}") for n in range(3)]), name="pages-steered")
        await operator.post("/batches/run", data={**form, "window": "1"})
        await held.reached()
        running = seen(await operator.get("/batches/pages-steered"))
        await operator.post("/batches/pages-steered/pause")
        paused = seen(await operator.get("/batches/pages-steered"))
        await operator.post("/batches/pages-steered/resume")
        resumed = seen(await operator.get("/batches/pages-steered"))
        await operator.post("/batches/pages-steered/cancel")
        held.let_go()

        async def is_cancelled() -> bool:
            return "pages-steered cancelled" in seen(await operator.get("/batches/pages-steered")).text

        await eventually(is_cancelled, WAIT_SECONDS, "the batch to be cancelled")
        late = await operator.post("/batches/pages-steered/pause")

    assert {"/batches/pages-steered/pause", "/batches/pages-steered/cancel"} == set(running.sends)
    assert {"/batches/pages-steered/resume", "/batches/pages-steered/cancel"} == set(paused.sends)
    assert "/batches/pages-steered/pause" in resumed.sends
    assert late.status_code == 409
    assert "has ended" in seen(late).text


async def test_the_same_file_under_a_running_name_is_found_and_another_is_refused(
    shop: WebShop, operator: AsyncClient
) -> None:
    held = shop.stage.hold("before charge")
    async with shop.open():
        _, form = await planned(operator, text_of([row("PS-1", card="pm_card_declined")]), name="pages-same")
        await operator.post("/batches/run", data={**form, "window": "1"})
        await held.reached()
        same = await operator.post("/batches/run", data={**form, "window": "1"})
        _, other = await planned(operator, text_of([row("PS-2")]), name="pages-same")
        refused = await operator.post("/batches/run", data={**other, "window": "1"})
        held.let_go()
        await ended(operator, "pages-same")

    assert same.headers["location"] == "/batches/pages-same?said=batch-running"
    assert refused.status_code == 409
    assert "batch pages-same is running with another file: choose another name" in seen(refused).text


async def test_what_cannot_be_read_as_orders_is_refused_on_the_form_and_not_kept(
    shop: WebShop, operator: AsyncClient
) -> None:
    forms: list[tuple[str, dict[str, str], str]] = [
        ("order_id,currency\n1,USD\n", {}, "the column customer_name is missing"),
        ("", {}, "empty"),
        ("\x00\x01", {}, "not"),
        (text_of([row("B-1")]), {"name": "../../etc/passwd"}, "is no name for a batch"),
        (text_of([row("B-1")]), {"mapping": "nonsense"}, "a mapping is made of"),
        (text_of([row("B-1")]), {"encoding": "ebcdic"}, "encoding"),
    ]
    for text, form, words in forms:
        answer = await uploaded(operator, text, **form)
        page = seen(answer)
        assert (answer.status_code, form) == (422, form)
        assert "The file was not taken" in page.text
        assert words in page.text
        assert str(shop.settings.uploads) not in answer.text
        assert shop.uploaded() == []


async def test_a_file_name_leads_nowhere_and_names_the_batch_only(
    shop: WebShop, operator: AsyncClient
) -> None:
    for file_name in ("../../monday.csv", "..\\..\\monday.csv", "/etc/monday.csv"):
        answer = await uploaded(operator, text_of([row("B-1")]), file_name)
        assert dict(parse_qsl(urlsplit(answer.headers["location"]).query))["name"] == "monday"
    assert len(shop.uploaded()) == 1


async def test_a_plan_of_a_file_that_was_never_uploaded_is_refused(
    shop: WebShop, operator: AsyncClient
) -> None:
    for sha256 in ("0" * 64, "../../../etc/passwd", "a" * 10):
        answer = await operator.get("/new-batch/plan", params={"name": "monday", "sha256": sha256})
        assert answer.status_code == 422
        assert "upload it again" in seen(answer).text


async def test_a_viewer_sees_a_batch_and_no_way_to_touch_it(shop: WebShop, operator: AsyncClient) -> None:
    async with shop.open(), shop.browsing(AS_VIEWER) as viewer:
        _, form = await planned(operator, text_of([row("PV-1", card="pm_card_declined")]), name="pages-seen")
        await operator.post("/batches/run", data={**form, "window": "1"})
        await ended(operator, "pages-seen")
        page = seen(await viewer.get("/batches/pages-seen"))
        refusals = [
            await viewer.get("/new-batch"),
            await viewer.get("/new-batch/plan", params=form),
            await uploaded(viewer, text_of([row("PV-2")])),
            await viewer.post("/batches/pages-seen/retry"),
        ]

    assert page.sends == []
    assert "1 failed" in page.text
    assert [answer.status_code for answer in refusals] == [403, 403, 403, 403]


async def test_a_file_is_read_by_the_profile_that_is_named_or_pasted(
    shop: WebShop, operator: AsyncClient
) -> None:
    text = text_of([row("PF-1", card="pm_card_declined")]).replace(",", ";")
    async with shop.open():
        plan, form = await planned(operator, text, name="pages-profile", profile='separator = ";"')
        run = await operator.post("/batches/run", data={**form, "window": "5"})
        page = await ended(operator, "pages-profile")
        refused = seen(await uploaded(operator, text, name="pages-profile", profile="shopifi"))
    assert "The file holds 1 order on 1 row." in plan.text
    assert run.status_code == 303
    assert page.flaws == refused.flaws == []
    assert "did you mean shopify?" in refused.text
