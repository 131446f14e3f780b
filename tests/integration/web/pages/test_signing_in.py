"""Who may do what on the pages: signing in and out, viewers, other sites' forms."""

from datetime import timedelta
from urllib.parse import quote

from httpx import AsyncClient

from order_system.domain.errors import ShippingRefused
from order_system.web.guards.access import COOKIE
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.seen_pages import seen, shows
from tests.fixtures.web.web import OPERATOR_KEY, VIEWER_KEY, WebShop

NOBODY: dict[str, str] = {}
OURS = {"Sec-Fetch-Site": "same-origin"}
THEIRS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


async def test_a_key_is_given_once_and_kept_where_no_script_and_no_other_site_has_it(
    stranger: AsyncClient,
) -> None:
    sent_away = await stranger.get("/health?since=day")
    wrong = await stranger.post("/login", data={"key": "nonsense-nonsense"}, headers=OURS)
    right = await stranger.post(
        "/login", data={"key": OPERATOR_KEY, "next": "/health?since=day"}, headers=OURS
    )
    page = await stranger.get("/health?since=day")
    left = await stranger.post("/logout", headers=OURS)
    after = await stranger.get("/")

    assert sent_away.headers["location"] == f"/login?next={quote('/health?since=day', safe='')}"
    assert (wrong.status_code, "nonsense" in wrong.text) == (401, False)
    assert "No such key is known here." in seen(wrong).text
    assert (right.status_code, right.headers["location"]) == (303, "/health?since=day")
    cookie = right.headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE)
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert OPERATOR_KEY not in cookie
    assert page.status_code == 200
    assert "/logout" in seen(page).sends
    assert left.headers["location"] == "/login"
    assert after.status_code == 303


async def test_signing_in_leads_to_our_pages_only(stranger: AsyncClient) -> None:
    for elsewhere in (
        "https://evil.example/",
        "//evil.example",
        "//[",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil.example",
    ):
        form = await stranger.get("/login", params={"next": elsewhere})
        answer = await stranger.post("/login", data={"key": OPERATOR_KEY, "next": elsewhere}, headers=OURS)
        assert 'name="next" value="/"' in form.text, elsewhere
        assert answer.headers["location"] == "/", elsewhere


async def test_a_viewer_is_shown_no_button_and_may_leave(shop: WebShop, stranger: AsyncClient) -> None:
    order = an_order(hold_on_failure=timedelta(hours=1))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("not today"))
    address = f"/orders/{order.order_id}"
    async with shop.open():
        await shop.client.submit(order)
        await stranger.post("/login", data={"key": VIEWER_KEY}, headers=OURS)
        await shows(stranger, address, "Held at shipping")
        shown = [seen(await stranger.get(each)) for each in (address, "/attention")]
        refused = [
            await stranger.post(f"{address}/{action}", headers=OURS)
            for action in ("cancel", "retry", "give-up", "resolve")
        ]
        still = await stranger.get(address)

    for page in shown:
        assert page.sends == ["/logout"]
        assert {*page.buttons} <= {"Sign out", "Copy", "Shortcuts", "Close"}
    assert {answer.status_code for answer in refused} == {403}
    assert "Held at shipping" in still.text
    assert (await stranger.post("/logout", headers=OURS)).status_code == 303
    assert (await stranger.get("/")).status_code == 303


async def test_another_sites_form_does_nothing(shop: WebShop, stranger: AsyncClient) -> None:
    order = an_order(hold_on_failure=timedelta(hours=1))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("not today"))
    address = f"/orders/{order.order_id}"
    async with shop.open():
        await shop.client.submit(order)
        await stranger.post("/login", data={"key": OPERATOR_KEY}, headers=OURS)
        await shows(stranger, address, "Held at shipping")
        forged = [
            await stranger.post(f"{address}/{action}", headers=from_where)
            for action in ("cancel", "retry", "give-up")
            for from_where in (THEIRS, {"Origin": "null"}, {"Origin": "https://evil.example"}, NOBODY)
        ]
        page = await stranger.get(address)
        ours = await stranger.post(f"{address}/give-up", headers=OURS)

    assert {answer.status_code for answer in forged} == {403}
    assert "Held at shipping" in page.text
    assert ours.status_code == 303


async def test_without_keys_everybody_here_is_an_operator_and_is_asked_for_none(
    open_shop: WebShop,
) -> None:
    async with open_shop.browsing(NOBODY) as browser:
        page = seen(await browser.get("/"))
        login = await browser.get("/login?next=/health")
    assert "operator on this machine" in page.text
    assert page.sends == []
    assert login.headers["location"] == "/"
