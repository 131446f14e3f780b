"""Batches over HTTP: uploads and their plan, lists, downloads, and steering."""

import csv
import io
import json
from typing import Any

import pytest
from httpx import AsyncClient

from order_system.domain.batch import BatchRequest
from order_system.domain.errors import ServerUnreachable
from tests.fixtures.shops.batch_shop import HEADER, row
from tests.fixtures.shops.flows import flow_in_history
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.web import WebShop, text_of

WAIT_SECONDS = 60
CSV = {"Content-Type": "text/csv"}


async def ended(operator: AsyncClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def has_ended() -> bool:
        found.update((await operator.get(f"/api/batches/{name}")).json())
        return found["status"] in ("finished", "cancelled", "failed")

    await eventually(has_ended, WAIT_SECONDS, f"the end of {name}")
    return found


async def all_rows(operator: AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {**params, **({"cursor": cursor} if cursor else {})}
        page = (await operator.get(path, params=query)).json()
        rows += page["rows"]
        cursor = page["next"]
        if cursor is None:
            return rows


async def test_a_file_is_planned_run_told_and_what_failed_is_retried(
    shop: WebShop, operator: AsyncClient
) -> None:
    name, ids = "web-run", [f"WR-{number}" for number in range(4)]
    orders = [row(ids[0], card="pm_card_declined"), *(row(order_id) for order_id in ids[1:])]
    file = text_of([row("WR-APART"), *orders, row("WR-BAD", quantity="0"), row("WR-APART")])
    async with shop.open():
        plan = await operator.post(f"/api/batches?name={name}&dry_run=true", content=file, headers=CSV)
        assert shop.uploaded() == []
        taken = await operator.post(
            f"/api/batches?name={name}&window=3&flow=parallel", content=file, headers=CSV
        )
        progress = await ended(operator, name)
        orders_of_it = await all_rows(operator, f"/api/batches/{name}/orders", limit=2)
        failed = await all_rows(operator, f"/api/batches/{name}/orders", status="failed")
        started = await all_rows(operator, "/api/orders", batch=name, limit=3)
        outcome = await operator.get(f"/api/batches/{name}/outcome.csv")
        rejects = await operator.get(f"/api/batches/{name}/rejects.csv")
        retried = await operator.post(f"/api/batches/{name}/retry")
        again = await ended(operator, name)
        batches = await all_rows(operator, "/api/batches")
        by_status = {
            each: await all_rows(operator, "/api/batches", status=each) for each in ("finished", "paused")
        }
        flow = await flow_in_history(shop.temporal, ids[1])

    assert plan.status_code == 200
    assert plan.json()["by_status"] == {"new": 4}
    assert [(each["orders"], each["currency"]) for each in plan.json()["sums"]] == [(4, "USD")]
    assert (plan.json()["invalid"], plan.json()["duplicates"]) == (2, 0)
    assert str(shop.settings.data_dir) not in plan.text
    assert (taken.status_code, taken.headers["location"]) == (202, f"/api/batches/{name}")
    assert taken.json()["started"] is True
    assert flow == "parallel"
    counts = progress["counts"]
    assert (counts["fulfilled"], counts["failed"], counts["rejected"]) == (3, 1, 3)
    assert progress["actions"] == ["retry"]
    assert [order["order_id"] for order in orders_of_it] == ids
    assert [(order["order_id"], order["failed_step"]) for order in failed] == [(ids[0], "payment")]
    assert sorted(order["order_id"] for order in started) == ids
    lines = list(csv.DictReader(io.StringIO(outcome.text)))
    assert [line["status"] for line in lines].count("fulfilled") == 3
    assert {line["status"] for line in lines} == {"fulfilled", "failed", "rejected"}
    assert outcome.headers["content-disposition"] == "attachment; filename*=UTF-8''web-run-outcome.csv"
    first, rejected, second = csv.DictReader(io.StringIO(rejects.text))
    assert rejected["order_id"] == "WR-BAD"
    assert "quantity" in rejected["reject_reason"]
    assert first["order_id"] == second["order_id"] == "WR-APART"
    assert "stand apart, on lines 2 and 8" in second["reject_reason"]
    assert (retried.status_code, retried.json()["started"]) == (202, True)
    assert again["counts"]["failed"] == 1
    assert [(batch["name"], batch["only_failed"]) for batch in batches] == [(name, True)]
    assert batches[0]["file"] == f"{name}.csv"
    assert batches[0]["progress"]["counts"]["failed"] == 1
    assert by_status == {"finished": batches, "paused": []}


async def test_json_lines_are_taken_too(shop: WebShop, operator: AsyncClient) -> None:
    line = (
        b'{"order_id":"JL-1","currency":"USD","customer":{"name":"Ada","email":"ada@example.com"},'
        b'"payment_method":"pm_card_ok","shipping_address":{"street":"1 Main St","city":"Portland",'
        b'"region":"OR","postal_code":"97201","country":"US"},"lines":[{"sku":"S","quantity":1,'
        b'"unit_price":"1.00"}]}\n{"order_id": 5}\n'
    )
    plan = await operator.post(
        "/api/batches?name=lines&dry_run=true",
        content=line,
        headers={"Content-Type": "application/x-ndjson; charset=utf-8"},
    )

    assert plan.json()["by_status"] == {"new": 1}
    assert (plan.json()["format"], plan.json()["invalid"]) == ("jsonl", 1)


async def test_the_same_file_twice_is_one_batch_and_another_file_a_conflict(
    shop: WebShop, operator: AsyncClient
) -> None:
    file, other = text_of([row("SF-1", card="pm_card_declined")]), text_of([row("SF-2")])
    first = await operator.post("/api/batches?name=same", content=file, headers=CSV)
    again = await operator.post("/api/batches?name=same", content=file, headers=CSV)
    kept = shop.uploaded()
    conflict = await operator.post("/api/batches?name=same", content=other, headers=CSV)

    assert (first.json()["started"], again.json()["started"]) == (True, False)
    assert conflict.status_code == 409
    assert shop.uploaded() == kept
    async with shop.open():
        assert (await ended(operator, "same"))["counts"]["failed"] == 1


async def test_a_batch_that_may_have_been_started_keeps_its_file(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = shop.batches.start

    async def started_and_never_heard_of(request: BatchRequest) -> bool:
        await start(request)
        raise ServerUnreachable("the Temporal server does not answer")

    monkeypatch.setattr(shop.batches, "start", started_and_never_heard_of)
    file = text_of([row("UH-1", card="pm_card_declined")])
    answer = await operator.post("/api/batches?name=unheard", content=file, headers=CSV)
    async with shop.open():
        progress = await ended(operator, "unheard")

    assert answer.status_code == 503
    assert (progress["status"], progress["counts"]["failed"]) == ("finished", 1)


async def test_a_file_that_is_gone_is_told_without_its_place(shop: WebShop, operator: AsyncClient) -> None:
    async with shop.open():
        file = text_of([row("GO-1", quantity="0")])
        await operator.post("/api/batches?name=gone", content=file, headers=CSV)
        await ended(operator, "gone")
    for file in shop.uploaded():
        file.unlink()
    answers = [await operator.get(f"/api/batches/gone/{which}.csv") for which in ("outcome", "rejects")]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert all("batch gone" in answer.json()["detail"] for answer in answers)
    assert all(str(shop.settings.data_dir) not in answer.text for answer in answers)


async def test_a_batch_is_paused_resumed_and_cancelled(shop: WebShop, operator: AsyncClient) -> None:
    held = shop.stage.hold("before charge")
    file = text_of(row(f"PC-{number}") for number in range(4))
    async with shop.open():
        await operator.post("/api/batches?name=steered&window=1", content=file, headers=CSV)
        await held.reached()
        paused = await operator.post("/api/batches/steered/pause")
        resumed = await operator.post("/api/batches/steered/resume")
        cancelled = await operator.post("/api/batches/steered/cancel", params={"orders": True})
        held.let_go()
        progress = await ended(operator, "steered")
        after = [
            await operator.post(f"/api/batches/steered/{what}") for what in ("pause", "resume", "cancel")
        ]

    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    assert paused.json()["actions"] == ["resume", "cancel"]
    assert resumed.json()["status"] == "running"
    assert cancelled.status_code == 200
    assert progress["status"] == "cancelled"
    assert {answer.status_code for answer in after} == {409}
    assert "has ended" in after[0].json()["detail"]


async def test_batches_that_are_not_there(shop: WebShop, operator: AsyncClient) -> None:
    answers = [
        await operator.get("/api/batches/none"),
        await operator.get("/api/batches/none/orders"),
        await operator.get("/api/batches/none/outcome.csv"),
        await operator.get("/api/batches/none/rejects.csv"),
        *[
            await operator.post(f"/api/batches/none/{what}")
            for what in ("pause", "resume", "cancel", "retry")
        ],
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)


async def test_scripts_in_a_file_come_back_as_text_only(shop: WebShop, operator: AsyncClient) -> None:
    evil = list(row("XS-1", quantity="0"))
    evil[HEADER.index("customer_name")] = "<script>alert(1)</script>"
    evil[HEADER.index("sku")] = "=cmd|' /C calc'!A0"
    async with shop.open():
        await operator.post("/api/batches?name=scripts", content=text_of([evil]), headers=CSV)
        await ended(operator, "scripts")
        rejects = await operator.get("/api/batches/scripts/rejects.csv")

    assert rejects.headers["content-type"].startswith("text/csv")
    assert rejects.headers["x-content-type-options"] == "nosniff"
    assert "'=cmd" in rejects.text


async def test_rejects_of_json_lines_are_sent_as_json_lines(shop: WebShop, operator: AsyncClient) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    async with shop.open():
        await operator.post("/api/batches?name=lines", content='{"order_id": "JL-1"}\n', headers=headers)
        await ended(operator, "lines")
        rejects = await operator.get("/api/batches/lines/rejects.csv")

    assert rejects.headers["content-type"].startswith("application/x-ndjson")
    assert rejects.headers["content-disposition"] == "attachment; filename*=UTF-8''lines-rejects.jsonl"
    assert "reject_reason" in json.loads(rejects.text)
