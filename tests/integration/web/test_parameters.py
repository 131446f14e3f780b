"""Parameters of requests: they take what they name, and nothing else."""

from httpx import AsyncClient


async def test_pages_have_a_size(operator: AsyncClient) -> None:
    for limit in ("0", "201", "-1", "1e9", "x"):
        for path in ("/api/orders", "/api/batches", "/api/batches/x/orders"):
            refused = await operator.get(path, params={"limit": limit})
            assert (refused.status_code, path, limit) == (422, path, limit)
            assert [each["field"] for each in refused.json()["errors"]] == ["limit"]


async def test_filters_take_what_they_name_and_nothing_else(operator: AsyncClient) -> None:
    for name, value, field in (
        ("status", "x' OR WorkflowId!='", "status"),
        ("status", "open", "status"),
        ("batch", "x' OR WorkflowId!='", "batch"),
        ("batch", "monday' --", "batch"),
        ("opened_since", "yesterday", "opened_since"),
        ("opened_since", "2026-11-25T08:00:00", "opened_since"),
        ("opened_before", "1' OR '1'='1", "opened_before"),
        ("opened_before", "0001-01-01T00:00:00+23:59", "opened_before"),
        ("cursor", "x' OR WorkflowId!='", ""),
        ("cursor", "c" * 501, "cursor"),
        ("stauts", "failed", "stauts"),
        ("status[]", "failed", '"status[]"'),
    ):
        refused = await operator.get("/api/orders", params={name: value})
        assert (refused.status_code, name, value) == (422, name, value)
        assert "WorkflowId" not in refused.text
        assert [each["field"] for each in refused.json()["errors"]] == [field]
        if field.startswith("opened_") and not value.startswith("0001"):
            assert "a time with its zone, such as 2026-11-25T08:00Z; a + in an address is %2B" in refused.text
    status = await operator.get("/api/batches/x/orders", params={"status": "x' OR WorkflowId!='"})
    assert status.status_code == 422


async def test_a_misspelt_filter_is_told_with_those_that_there_are(operator: AsyncClient) -> None:
    misspelt = await operator.get("/api/orders?stauts=failed")
    twice = await operator.get("/api/orders?status=failed&status=fulfilled")
    none = await operator.post("/api/orders/A-1/cancel?force=true")

    (mistake,) = misspelt.json()["errors"]
    assert mistake["message"].startswith(
        "is no parameter of this request; there are status, batch, opened_since"
    )
    assert twice.json()["errors"] == [{"field": "status", "message": "is given more than once"}]
    assert none.json()["errors"][0]["message"].endswith("it takes none")


async def test_no_mistake_is_told_as_a_pattern(operator: AsyncClient) -> None:
    for method, path, field, body in (
        ("GET", "/api/orders/ORDER 1", "order_id", None),
        ("GET", "/api/batches/of monday", "name", None),
        ("GET", "/api/orders?batch=of monday", "batch", None),
        ("GET", "/api/orders?currency=usd", "currency", None),
        ("POST", "/api/webhooks/evt_1/again", "event_id", None),
        ("POST", "/api/orders/actions", "chosen[0]", {"action": "take", "chosen": ["ORDER 1"]}),
    ):
        refused = await operator.request(method, path, json=body)
        [mistake] = refused.json()["errors"]
        assert (refused.status_code, mistake["field"], mistake["message"][:8]) == (422, field, "must be ")


async def test_a_body_that_counts_as_none_is_told_why(operator: AsyncClient) -> None:
    for kind, body in (("text/plain", b'{"note": "x"}'), ("", b"{}"), ("application/json", b"[1]")):
        refused = await operator.post("/api/orders/X-1/retry", content=body, headers={"Content-Type": kind})
        told = "the body must be a JSON object, sent as application/json"
        assert (refused.status_code, refused.json()["detail"]) == (422, told)
