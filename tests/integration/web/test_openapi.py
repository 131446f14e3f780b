"""The OpenAPI document holds: requests made from it, good and bad, are answered as it says and never by a
5xx; and it reads well. With a real book, server and worker behind it."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator

from order_system.domain.ids import order_workflow_id
from order_system.web import examples
from order_system.web.examples import EXAMPLES
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import WebShop, document

WAIT_SECONDS = 60


@pytest.fixture
def description(shop: WebShop) -> dict[str, Any]:
    return shop.app.openapi()


async def test_answers_are_what_the_document_says(shop: WebShop) -> None:
    from tests.fixtures.web.asking import ask_everything

    order = an_order("OPENAPI-001")
    async with shop.open(), shop.on_a_port() as port:
        async with shop.browsing() as browser:
            await browser.post("/api/orders", json=document(order))
            await asyncio.wait_for(shop.handle(order).result(), WAIT_SECONDS)
            file = await shop.upload(browser, "openapi", [row("OPENAPI-002"), row("OPENAPI-003")])
            assert file.status_code == 202
            await asyncio.wait_for(shop.followed("openapi"), WAIT_SECONDS)
        url = f"http://127.0.0.1:{port}/api/openapi.json"
        asked = await asyncio.to_thread(ask_everything, url, order.order_id)
    assert asked >= 17


# --- how it reads ---------------------------------------------------------------------------------


def test_every_operation_says_what_it_is_for_with_examples_and_its_problems(
    description: dict[str, Any],
) -> None:
    tags = {tag["name"] for tag in description["tags"]}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert len(operation["description"]) > 20, where
            assert set(operation["tags"]) <= tags, where
            if path.startswith("/api/"):
                assert operation["security"] == [{"HTTPBearer": []}], where
                assert {"401", "403"} <= set(operation["responses"]), where
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if kind.startswith("application/"):
                        assert "example" in content or "examples" in content, f"{where} {status}"
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                assert "example" in content or "examples" in content, f"{where} {kind}"


def test_every_problem_is_documented_as_one(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and path.startswith("/api/"):
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_every_example_is_what_its_schema_says(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for kind, content in body.get("content", {}).items():
                    if kind == "text/event-stream":
                        continue  # a schema can tell of one event, and not of the stream
                    schema = {**content["schema"], "components": description["components"]}
                    shown = content.get("examples", {"the one": {"value": content.get("example")}})
                    for example in shown.values():
                        flaws = list(Draft202012Validator(schema).iter_errors(example["value"]))
                        assert flaws == [], f"{method} {path} {kind}"


def test_references_lead_somewhere(description: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    pending: list[Any] = [description]
    found: set[str] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if isinstance(reference := part.get("$ref"), str):
                found.add(reference)
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    assert "#/components/schemas/OrderForm" in found
    assert found <= known


async def test_what_comes_of_an_unknown_parameter_is_documented_too(
    operator: AsyncClient, description: dict[str, Any]
) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            known = {"order_id": "NO-SUCH-ORDER", "name": "no-such-batch", "form": "csv"}
            where = path.format(**known, event_id=examples.EVENT)
            answer = await operator.request(method, where, params={"nobody_knows": "1"})
            assert str(answer.status_code) in operation["responses"], f"{method} {path}"


async def test_a_probe_with_a_query_of_its_own_finds_us_alive(stranger: AsyncClient) -> None:
    assert (await stranger.get("/healthz?probe=7")).status_code == 200


async def test_the_example_order_is_one(shop: WebShop, operator: AsyncClient) -> None:
    example = EXAMPLES["new_order"] | {"order_id": "OPENAPI-004"}
    taken = await operator.post("/api/orders", json=example)
    assert taken.status_code == 202
    await shop.temporal.get_workflow_handle(order_workflow_id("OPENAPI-004")).terminate()
