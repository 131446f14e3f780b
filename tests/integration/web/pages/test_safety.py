"""The pages against bad intentions: script in whatever is stored or sent, paths that lead elsewhere."""

import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from order_system.domain.errors import ShippingRefused
from order_system.intake.form import order_document
from order_system.web import pages
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.seen_pages import seen, shows
from tests.fixtures.web.web import WebShop

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'><img src=x onerror=alert(1)>{{7*7}}"
INJECTION = "x' OR WorkflowId!='"
CARD = "4111 1111 1111 1111"
VENDOR = Path(pages.__file__).parents[1] / "static" / "vendor" / "htmx"


# --- script ---------------------------------------------------------------------------------------


async def test_script_that_is_stored_is_shown_as_text(shop: WebShop, operator: AsyncClient) -> None:
    order = an_order(hold_on_failure=timedelta(hours=1))
    shop.stage.fail("before dispatch", lambda: ShippingRefused(f"no {SCRIPT} {BREAKOUT}"))
    address = f"/orders/{order.order_id}"
    async with shop.open():
        await operator.post("/new-order", data={"document": json.dumps(order_document(order))})
        await shows(operator, address, "Held at shipping")
        await operator.post(f"{address}/give-up", data={"note": f"because {SCRIPT} {BREAKOUT}"})
        await shows(operator, address, "The order failed at shipping")
        shown = [await operator.get(each) for each in (address, "/", "/?status=failed", "/attention")]

    assert "because &lt;script&gt;alert(1)&lt;/script&gt;" in shown[0].text
    for page in shown:
        assert SCRIPT not in page.text
        assert "<img src=x" not in page.text
        assert seen(page).flaws == []
    assert "{{7*7}}" in shown[0].text


@pytest.mark.parametrize(
    "sent", [f"{SCRIPT}{BREAKOUT}{INJECTION}", "\x00\x1b[31m", "ORDER-1%' --", "x" * 190]
)
async def test_what_is_sent_in_an_address_comes_back_as_text_or_not_at_all(
    operator: AsyncClient, sent: str
) -> None:
    addresses = [
        *(f"/?{name}={quote(sent)}" for name in ("q", "batch", "since", "status", "cursor", "said")),
        *(f"{path}?said={quote(sent)}" for path in ("/batches", "/attention")),
        f"/batches?cursor={quote(sent)}",
        f"/health?since={quote(sent)}",
        f"/new-order?story={quote(sent)}",
        f"/new-batch/plan?name={quote(sent)}&sha256={quote(sent)}&mapping={quote(sent)}",
        f"/orders/{quote(sent, safe='')}",
        f"/batches/{quote(sent, safe='')}",
        f"/batches/{quote(sent, safe='')}?status=failed",
        f"/login?next={quote(sent)}",
        f"/{quote(sent, safe='')}",
    ]
    for address in addresses:
        page = await operator.get(address)
        assert page.status_code < 500, address
        assert SCRIPT not in page.text
        assert "<img src=x" not in page.text
        assert seen(page).flaws == [], address


async def test_what_is_sent_by_a_form_comes_back_as_text_or_not_at_all(operator: AsyncClient) -> None:
    order = await operator.post("/new-order", data={"document": f"</textarea>{SCRIPT}"})
    file = await operator.post(
        "/batches",
        files={"file": (f"{BREAKOUT}.csv", f"{SCRIPT},a\n1,2\n")},
        data={"name": "monday", "mapping": f"order_id={SCRIPT}"},
    )
    name = await operator.post("/batches", files={"file": ("a.csv", "a")}, data={"name": BREAKOUT})
    for page in (order, file, name):
        assert page.status_code == 422
        assert SCRIPT not in page.text
        assert "<img src=x" not in page.text
        assert seen(page).flaws == []


async def test_a_card_number_far_down_in_a_document_does_not_come_back(operator: AsyncClient) -> None:
    document = json.dumps({"order_id": "CARD-1", "note": "x" * 5_000, "card": "4111 1111 1111 1111"})
    page = await operator.post("/new-order", data={"document": document})
    assert page.status_code == 422
    assert "4111" not in page.text


async def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own(operator: AsyncClient) -> None:
    for place in ("/", "/batches", "/new-batch", "/attention", "/health", "/new-order", "/nowhere"):
        page = await operator.get(place)
        assert seen(page).flaws == [], place
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]


async def test_a_card_number_is_never_shown_again(operator: AsyncClient) -> None:
    document = order_document(an_order(payment_method="pm_ok")) | {"payment_method": CARD}
    order = await operator.post("/new-order", data={"document": json.dumps(document)})
    held = await operator.post("/orders/X-1/give-up", data={"note": f"card {CARD}"})
    file = await operator.post("/batches", files={"file": ("a.csv", "a")}, data={"mapping": f"city=={CARD}"})
    for page in (order, held, file):
        assert page.status_code == 422
        assert "4111" not in page.text
    assert "payment_method" in seen(order).text


# --- files ----------------------------------------------------------------------------------------


async def test_htmx_is_what_its_note_shows(operator: AsyncClient) -> None:
    served = await operator.get("/static/vendor/htmx/htmx.min.js")
    note = (VENDOR / "VERSION").read_text()
    version = re.search(r"htmx (\S+),", note)
    assert version is not None
    assert hashlib.sha256(served.content).hexdigest() in note
    assert f'version="{version[1]}"' in served.text
    assert (VENDOR / "LICENSE").read_text().startswith("Zero-Clause BSD")


async def test_only_what_lies_in_the_folder_is_served(viewer: AsyncClient) -> None:
    outside = ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "vendor/../../app.py", "/etc/passwd")
    for path in (*outside, "nothing.css"):
        answer = await viewer.get(f"/static/{path}")
        assert (answer.status_code, path) == (404, path)
        assert "create_app" not in answer.text


# --- saying no ------------------------------------------------------------------------------------


async def test_every_no_to_a_person_is_a_page_and_to_a_program_a_problem(
    viewer: AsyncClient, operator: AsyncClient
) -> None:
    told = {
        403: await viewer.post("/orders/X-1/cancel"),
        404: await operator.get("/orders/X-1"),
        405: await operator.put("/health"),
        413: await operator.post("/new-order", content=b"x" * 2_000_000),
        422: await operator.get("/?status=nonsense"),
    }
    program = await viewer.post("/api/orders/X-1/cancel")
    for status, answer in told.items():
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert seen(answer).links["/"] == "Orders"
        assert seen(answer).flaws == []
    assert "ben may look, and not act" in seen(told[403]).text
    assert "at most" in seen(told[413]).text or "larger than" in seen(told[413]).text
    assert program.headers["content-type"] == "application/problem+json"


async def test_nothing_that_goes_wrong_inside_gets_out(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks() -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(type(shop.services.lists), "counts", lambda _: breaks())
    with capture_logs():  # which spares the test the drawing of the traceback
        answer = await operator.get("/")
    assert answer.status_code == 500
    assert "Something went wrong here" in seen(answer).text
    assert "secret of the house" not in answer.text
    assert "Traceback" not in answer.text
