"""The OpenAPI document holds: requests made from it, good and bad, are answered as it says and never by a
5xx; and it reads well. With a real book, server and worker behind it."""

import asyncio
from typing import Any

import pytest
import schemathesis
from httpx import AsyncClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from order_system.domain.ids import order_workflow_id
from order_system.web import examples
from order_system.web.examples import EXAMPLES
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import AS_OPERATOR, WebShop, document

EXAMPLES_OF_EACH = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 3}
WAIT_SECONDS = 60
CALL_SECONDS = 60
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
"""Without the rule that data which fits the schema is taken: that an order's total is its sum, or that there
is a batch of that name, is more than a schema says."""
ONCE: list[Any] = [ignored_auth, unsupported_method]
"""Checks that make requests of their own: once for each operation is enough."""


@pytest.fixture
def description(shop: WebShop) -> dict[str, Any]:
    return shop.app.openapi()


async def test_answers_are_what_the_document_says(shop: WebShop) -> None:
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


def ask_everything(url: str, order_id: str) -> int:
    """In a thread of its own: the app answers in this process's event loop. How many operations there are."""
    schema = schemathesis.openapi.from_url(url, headers=AS_OPERATOR)
    # Any text, which is what UTF-8 can write: to find out which signs that are takes as long as to ask.
    schema.config.generation.codec = None
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        takes_something = any(True for _ in operation.iter_parameters()) or bool(operation.body)
        for mode, number in EXAMPLES_OF_EACH.items():
            if mode is GenerationMode.NEGATIVE and not takes_something:
                continue  # there is nothing that can be wrong with it
            known = {"order_id": order_id, "name": "openapi", "form": "csv", "event_id": examples.EVENT}
            ask(operation, mode, number, known)
    return len(operations)


def ask(operation: Any, mode: GenerationMode, number: int, known: dict[str, str]) -> None:
    """Every other request is about something that is there."""
    checks = CHECKS if mode is GenerationMode.POSITIVE else [*CHECKS, negative_data_rejection]
    first = True

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def answers(case: Case, is_known: bool) -> None:
        nonlocal first
        if is_known and mode is GenerationMode.POSITIVE:
            case.path_parameters.update({name: known[name] for name in case.path_parameters})
        response = case.call(headers=AS_OPERATOR, timeout=CALL_SECONDS)
        case.validate_response(response, checks=[*checks, *(ONCE if first else [])], headers=AS_OPERATOR)
        first = False

    answers()


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
