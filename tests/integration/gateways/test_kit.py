"""The kit finds what breaks a promise, by name, and nothing where all is kept."""

from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from order_system.domain.gateways import CapturesLater, PaymentGateway
from order_system.gateways.loading import Port
from order_system.testing import Options, Verdict, check, checking, policy
from order_system.testing.checking import CheckedPort, Finding
from order_system.testing.promises import promises_of
from tests.fixtures.gateways import sound
from tests.fixtures.gateways.rounds import fewer_rounds, folder_with_tables
from tests.fixtures.gateways.strangers.sound import PAID
from tests.fixtures.gateways.strangers.sound_goods import ON_HAND
from tests.fixtures.peers.stripe import FakeStripe
from tests.fixtures.processes.forked import Forked
from tests.fixtures.processes.simulate_process import SIGNED, over_http, simulating

OURS = "tests.fixtures.gateways"
FIXTURES, FORGETFUL = f"{OURS}.strangers", f"{OURS}.forgetful"
GOODS = ("warehouse", "carrier")
PORTS: tuple[CheckedPort, ...] = ("payments", "warehouse", "carrier", "mailer")
OPTIONS = Options(on_hand=ON_HAND, paid=PAID)
HOLDING = "holding_with_a_fault:payments"
NOT_MET = "that meets with trouble says nothing untrue"
"""Where no call was hit while it was under way, nothing shows it."""


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the provider, for the gateway and for its statement of accounts."""
    monkeypatch.setenv("ORDER_STATEMENT", f"{FIXTURES}.provider:statement")
    for port in ("statement", *PORTS):
        monkeypatch.setenv(f"ORDER_{port.upper()}_PATH", str(tmp_path / "books.db"))
    return tmp_path / "books.db"


@pytest.fixture
def our_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise, of the provider that is not a stranger's."""
    monkeypatch.setenv("ORDER_STATEMENT", f"{sound.__name__}:statement")
    for port in ("statement", *PORTS):
        monkeypatch.setenv(f"ORDER_{port.upper()}_BOOKS", str(tmp_path / "books.db"))


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> None:
    """The command and the example below start their other process, make the tables of their empty book, and
    wait, as everybody does."""
    monkeypatch.setattr(checking, "TemporaryDirectory", folder_with_tables(sqlite_template))
    monkeypatch.setattr(checking, "get_context", lambda _: Forked())
    for name in ("FOUND_BY_KEY", "ASK_AFTER"):
        monkeypatch.setattr(policy, name, [pause / 20 for pause in getattr(policy, name)[:4]])
    monkeypatch.setattr(policy, "FIRST_CALLS", 4)  # every third one of a flaky gateway fails


def of(findings: list[Finding], verdict: Verdict) -> list[str]:
    return [each.promise for each in findings if each.verdict is verdict]


def place(gateway: str, monkeypatch: pytest.MonkeyPatch, kind: str) -> CheckedPort:
    """Puts it in the place of its port, which its name begins with."""
    [port] = [each for each in PORTS if gateway.startswith(each)]
    module = f"{FIXTURES}.{'goods_' * (kind != 'sound' and port in GOODS)}{kind}"
    module += "_goods" * (kind == "sound" and port in GOODS)
    monkeypatch.setenv(f"ORDER_{port.upper()}", f"{module}:{gateway}")
    return port


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.usefixtures("quickly")
async def test_the_simulated_world_keeps_all(port: CheckedPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_LATENCY_MIN", "0")
    monkeypatch.setenv("ORDER_LATENCY_MAX", "0.005")
    await keeps_all(port, Options(on_hand=10_000_000, paid="ch_kit"))


async def check_what_is_sound(port: CheckedPort, *options: Options, **told: Any) -> list[Finding]:
    with fewer_rounds():
        return await check(port, *options, **told)


async def keeps_all(port: CheckedPort, options: Options, **told: Any) -> None:
    findings = await check_what_is_sound(port, options, **told)
    told = [each for each in findings if each.verdict is not Verdict.KEPT]
    assert [each for each in told if not each.promise.endswith(NOT_MET)] == []
    assert [each.promise for each in findings] == names_of(port, offered_by(port))


def offered_by(port: CheckedPort) -> type:
    """Besides, where all is."""
    return CapturesLater if port == "payments" else object


def names_of(port: CheckedPort, offers: object) -> list[str]:
    return [each.name for each in promises_of(Port(port), offers)]


@pytest.mark.usefixtures("quickly")
async def test_gateways_over_http_keep_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, url = simulating(tmp_path, "--port", "0", **SIGNED)
    try:
        for name, value in over_http(url).items():
            monkeypatch.setenv(name, value)
        await keeps_all("payments", Options(paid="ch_kit"))
    finally:
        running.interrupted()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("quickly")
async def test_payments_by_stripe_keep_all(fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Stripe's own list. The mailer, of which it tells nothing, is judged by its answers."""
    for name, value in fake.environment.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.replace("PAYMENTS", "STATEMENT"), value)
    await fake.meets(search=True)
    of_a_shop = {"amount": 700, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    paid = (await fake.post("payment_intents", **of_a_shop))["id"]
    authorised = ",".join([await fake.authorised(1990) for _ in range(20)])
    options = Options(declined="pm_card_chargeCustomerFail", paid=paid, authorised=authorised)
    await keeps_all("payments", options, found=lambda _: fake.forget())  # what was judged
    held = [each for each in await fake.all_of("payment_intents") if each["status"] == "requires_capture"]
    assert [each for each in held if each["metadata"]] == [], "but what it did not come to take over"
    assert of(await check("mailer"), Verdict.BROKEN) == []


@pytest.mark.parametrize("gateway", ["payments_elsewhere", "payments_flaky", *PORTS[1:]])
@pytest.mark.usefixtures("books", "quickly")
async def test_a_sound_gateway_breaks_nothing(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that offers more, and one of which every third answer gets lost. None has to hold money."""
    port = place(gateway, monkeypatch, "sound")
    findings = await check_what_is_sound(port, OPTIONS)
    assert [each.promise for each in findings] == names_of(port, PaymentGateway)
    assert [each for each in findings if each.verdict is Verdict.BROKEN] == []
    not_shown = of(findings, Verdict.NOT_SHOWN)
    assert [each for each in not_shown if each.startswith("refund_part")] == [
        each for each in (promise.promise for promise in findings) if each.startswith("refund_part")
    ]
    assert [each for each in not_shown if not each.endswith(NOT_MET) and "refund_part" not in each] == (
        ["refund of a payment elsewhere is exact"] if gateway == "payments_flaky" else []
    )


@pytest.mark.parametrize(
    ("gateway", "promise"),
    [
        ("payments_search_then_charge", "charge twice at once is done once"),
        ("payments_refund_needs_receipt", "refund by the key alone finds the charge, once"),
        ("payments_second_refund_finds_nothing", "refund twice in a row is done once"),
        ("payments_charges_again_after_refund", "charge after its refund is not done again"),
        ("payments_refund_forgets_the_round", "charge decides a no anew in the next round"),
        ("payments_believes_its_claim", "charge cut off and asked again is done once"),
        ("payments_declines_after_capture", "charge refused is PaymentDeclined, and nothing is done"),
        ("payments_refunds_by_float", "charge and refund are exact"),
        ("payments_short_reference", "charge tells keys apart, of full length too"),
        ("payments_repeats_the_no", "charge decides a no anew in the next round"),
        ("payments_timeout_is_not_reached", f"charge {NOT_MET}"),
        ("payments_timeout_is_a_no", f"charge {NOT_MET}"),
        ("payments_trouble_is_a_no", f"charge {NOT_MET}"),
        ("payments_elsewhere_gives_back_all", "refund of a payment elsewhere is exact"),
        ("payments_elsewhere_tells_what_is_due", "refund of a payment elsewhere is exact"),
        ("warehouse_checks_each_line_alone", "reserve adds up the lines of one SKU"),
        ("warehouse_sets_aside_what_there_is", "reserve refused is OutOfStock, and nothing is done"),
        ("warehouse_keeps_half_a_reservation", "reserve takes all lines or none"),
        ("warehouse_puts_back_twice", "release puts back once"),
        ("warehouse_counts_in_two_requests", "reserve takes all or none at once"),
        ("warehouse_ships_twice", "commit twice in a row is done once"),
        ("carrier_forgets_voids_of_nothing", "void of nothing binds"),
        ("carrier_voids_in_two_requests", "void and dispatch at once agree"),
        ("carrier_replays_voided_labels", "void of a label binds"),
        ("carrier_caches_labels", "void by another process binds"),
        ("carrier_dispatches_in_two_requests", "void and dispatch at once agree"),
        ("carrier_no_to_a_retry", "dispatch twice in a row is done once"),
        ("mailer_one_notice_for_each_address", "send tells keys apart, of full length too"),
        ("mailer_notes_before_it_sends", "send decides a no anew in the next round"),
        ("mailer_looks_then_sends", "send twice at once is done once"),
    ],
)
@pytest.mark.usefixtures("books", "quickly")
async def test_a_fault_is_found_by_name(
    gateway: str, promise: str, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = place(gateway, monkeypatch, "with_a_fault")
    found = await only(promise, port, monkeypatch)
    assert found.verdict is Verdict.BROKEN, found
    assert found.follows
    assert found.trace
    assert all("GATEWAY-CHECK-" in call for call in found.trace)


ASK_ANOTHER_PROCESS = ("process", "void and", "void beats")
"""Words of the promises that ask another process, some of them only once their own has found nothing."""


async def only(promise: str, port: CheckedPort, monkeypatch: pytest.MonkeyPatch) -> Finding:
    """Played alone, until it is broken: on a busy machine, a race or a cut may miss what is wrong.
    All that it did is taken back."""
    this = [each for each in promises_of(Port(port), offered_by(port)) if each.name == promise]
    monkeypatch.setattr(checking, "promises_of", Mock(return_value=this))
    if not any(word in promise for word in ASK_ANOTHER_PROCESS):
        # To open the gateway there takes longer than to play.
        monkeypatch.setattr(checking, "get_context", lambda _: SimpleNamespace(Pipe=Pipe, Process=Mock()))
    [found] = await check(port, OPTIONS)
    for seed in range(1, policy.RACES):
        if found.verdict is Verdict.KEPT:
            [found] = await check(port, OPTIONS, seed=seed)
    return found


@pytest.mark.parametrize(
    ("gateway", "promise"),
    [
        (f"{HOLDING}_captures_what_is_void", "void of an authorisation binds"),
        (f"{HOLDING}_forgets_a_void_of_nothing", "void of no authorisation binds"),
        (f"{HOLDING}_void_keeps_the_hold", "void of an authorisation binds"),
        (f"{HOLDING}_forgets_what_it_took_over", "void of what was taken over and captured says so"),
        (f"{HOLDING}_captures_once_more", "capture after its refund is not done again"),
        (f"{HOLDING}_takes_over_what_it_finds", "take_over of another amount or currency is refused"),
        (f"{HOLDING}_serves_two_keys", "take_over by two keys at once serves one"),
        (f"{HOLDING}_void_forgets_what_was_taken_over", "void of what was taken over binds"),
        ("with_a_fault:payments_tells_parts_by_amount", "refund_part by two keys gives two parts"),
        ("with_a_fault:payments_counts_each_part_alone", "refund_part never exceeds the charge"),
        ("with_a_fault:payments_takes_no_third_decimal", "charge in KWD counts fils"),
        ("with_a_fault:payments_takes_dollars_for_yen", "charge in JPY counts yen"),
        ("with_a_fault:payments_refunds_the_first_round", "charge decides a no anew in the next round"),
        ("with_a_fault:payments_takes_the_cut_for_a_no", f"charge {NOT_MET}"),
        ("with_a_fault:payments_takes_a_break_for_a_yes", f"charge {NOT_MET}"),
        ("with_a_fault:payments_takes_silence_for_not_reached", f"charge {NOT_MET}"),
        ("with_a_fault:payments_refunds_what_was_answered", "charge cut off and undone leaves nothing"),
        ("with_a_fault:payments_remembers_that_nothing_was", "charge and its refund at once leave nothing"),
        ("with_a_fault:payments_authorises_once_more", "void of what is captured says so"),
        ("with_a_fault:warehouse_ships_what_was_put_back", "commit of what is not reserved fails"),
        ("with_a_fault:warehouse_revives_what_was_put_back", "reserve after its release is not done again"),
        ("with_a_fault:warehouse_refuses_what_is_not_reserved", "commit of what is not reserved fails"),
        ("with_a_fault:mailer_writes_of_each_kind", "send of another notice under its key sends nothing"),
    ],
)
@pytest.mark.usefixtures("our_books", "quickly")
async def test_a_fault_of_our_own_is_found_by_name(
    gateway: str, promise: str, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = [each for each in PORTS if f":{each}_" in gateway]
    monkeypatch.setenv(f"ORDER_{port.upper()}", f"{OURS}.{gateway}")
    found = await only(promise, port, monkeypatch)
    assert found.verdict is Verdict.BROKEN, found


@pytest.mark.parametrize("gateway", ["with_a_fault:payments_parts", "holding_with_a_fault:payments"])
@pytest.mark.usefixtures("our_books", "quickly")
async def test_a_gateway_that_refunds_parts_or_holds_money_breaks_nothing(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS", f"{OURS}.{gateway}")
    findings = await check_what_is_sound("payments")
    assert of(findings, Verdict.BROKEN) == []
    offered = "refund_part" if "parts" in gateway else "take_over"
    assert len([each for each in of(findings, Verdict.KEPT) if each.startswith(offered)]) == 6


@pytest.mark.usefixtures("our_books", "quickly")
async def test_a_gateway_that_holds_money_need_not_take_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS", f"{OURS}.{HOLDING}_holding")
    for promise in ("take_over by two keys at once serves one", "void of what was taken over binds"):
        found = await only(promise, "payments", monkeypatch)
        assert (found.verdict, found.because) == (Verdict.NOT_SHOWN, "it does not offer take_over")


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.usefixtures("our_books", "quickly")
async def test_a_provider_that_does_all_each_time_it_is_asked_keeps_all_behind_our_memory(
    port: CheckedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ORDER_{port.upper()}", f"{FORGETFUL}:{port}")
    findings = await check_what_is_sound(port, Options(on_hand=sound.ON_HAND))
    told = [each for each in findings if each.verdict is not Verdict.KEPT]
    assert [each.promise for each in told if not each.promise.endswith(NOT_MET)] == (
        ["refund of a payment elsewhere is exact"] if port == "payments" else []
    )


@pytest.mark.usefixtures("books", "quickly")
async def test_what_only_a_statement_shows_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDER_STATEMENT")
    place("mailer_notes_before_it_sends", monkeypatch, "with_a_fault")
    findings = await check("mailer", Options(refused_email="ada@example.com"))
    assert of(findings, Verdict.BROKEN) == []
    assert of(findings, Verdict.NOT_SHOWN) == [
        "send cut off and asked again is done once",
        "send refused is NoticeRefused, and nothing is done",
        f"send {NOT_MET}",
        "send decides a no anew in the next round",
    ]
    kept = {each.because for each in findings if each.verdict is Verdict.KEPT}
    assert kept == {"by its answers alone"}
