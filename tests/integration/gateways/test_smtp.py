"""Mails by SMTP, against aiosmtpd with TLS and a login (tests/fixtures/peers)."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from order_system.domain.errors import AnswerLost, InvalidSettings, NoticeRefused, NotReached
from order_system.domain.gateways import NoticeDetails
from order_system.domain.ids import Key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Customer, DispatchReceipt, OrderLine, PaymentReceipt
from order_system.gateways.loading import open_gateways
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.gateways.smtp.mailer import SmtpMailer, SmtpSettings
from order_system.infra.database import Database
from order_system.infra.settings import load_settings
from tests.fixtures.peers.smtp import PASSWORD, USER, MailServer, certificate, mail_server
from tests.fixtures.processes.forwarding import LOOPBACK, unused_port
from tests.fixtures.shops.shop import Shop, an_order

KEY = Key("ORDER-1:run:notify")
ADA = Customer(name="Ada", email="ada@example.com")
DETAILS = NoticeDetails(
    payment=PaymentReceipt(charge_id="pi_1", amount=105997, currency="USD"),
    lines=(OrderLine(sku="<b>LAPTOP</b>", quantity=1, unit_price=99999),),
    parcel=DispatchReceipt(carrier="DHL", tracking_number="AB 12&3"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def pem(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Trusted, as a system's own certificates are."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    return made


@pytest.fixture
def box(pem: tuple[Path, Path]) -> Generator[MailServer]:
    with mail_server(pem) as box:
        yield box


def mailer(box: MailServer, **changes: Any) -> SmtpMailer:
    settings = {
        "host": LOOPBACK,
        "port": box.port,
        "username": USER,
        "password": PASSWORD,
        "sender": '"The Shop, Inc." <shop@example.com>',
        "tracking_url": "https://track.example.com/?n={tracking_number}",
    }
    return SmtpMailer(SmtpSettings.model_validate(settings | changes))


async def confirm(mailer: SmtpMailer, customer: Customer = ADA) -> str:
    receipt = await mailer.send_details(KEY, kind=NoticeKind.CONFIRMATION, customer=customer, details=DETAILS)
    return receipt.message_id


def parts_of(box: MailServer) -> tuple[str, str]:
    [mail] = box.mails
    text, html = (mail.get_body((form,)) for form in ("plain", "html"))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


@pytest.mark.parametrize("implicit_tls", [False, True])
async def test_a_confirmation_has_text_and_html(pem: tuple[Path, Path], implicit_tls: bool) -> None:
    with mail_server(pem, implicit_tls=implicit_tls) as box:
        encryption = "tls" if implicit_tls else "starttls"
        message_id = await confirm(mailer(box, encryption=encryption))
    [mail] = box.mails
    assert (mail["Message-ID"], mail["To"]) == (message_id, "Ada <ada@example.com>")
    assert mail["From"] == '"The Shop, Inc." <shop@example.com>'
    assert mail["Subject"] == "Your order ORDER-1 is on its way"
    text, html = parts_of(box)
    for part in (text, html):
        assert "1,059.97 USD" in part
        assert "999.99 USD each" in part
        assert "https://track.example.com/?n=AB%2012%263" in part
    assert "1 x <b>LAPTOP</b>" in text
    assert "&lt;b&gt;LAPTOP&lt;/b&gt;" in html


async def test_a_cancellation_tells_what_is_given_back(box: MailServer) -> None:
    await mailer(box).send(KEY, kind=NoticeKind.CANCELLATION, customer=ADA)
    assert box.mails[0]["Subject"] == "Your order ORDER-1 is cancelled"
    assert "You get back what you have paid." in parts_of(box)[0]
    for held, words in (
        (False, "You get back 1,059.97 USD."),
        (True, "Nothing was charged; the amount that was held on your card is free again."),
        (None, "Nothing was charged; the amount that was held on your card is free again."),
    ):
        box.mails.clear()
        payment = PaymentReceipt(charge_id="ch_1", amount=105997, currency="USD", held=bool(held))
        told = NoticeDetails(voided=True) if held is None else NoticeDetails(payment=payment)
        await mailer(box).send_details(KEY, kind=NoticeKind.CANCELLATION, customer=ADA, details=told)
        for part in parts_of(box):
            assert [words in part, part.count("back")] == [True, int(held is False)]


async def test_a_team_overrides_a_template(box: MailServer, tmp_path: Path) -> None:
    own = tmp_path / "confirmation.txt"
    own.write_text("Danke, {{ customer.name }}\n\nBestellung {{ order_id }}\n")
    await confirm(mailer(box, templates=tmp_path))
    assert box.mails[0]["Subject"] == "Danke, Ada"
    text, html = parts_of(box)
    assert (text.strip(), "Dear Ada" in html) == ("Bestellung ORDER-1", True)
    own.write_text("{{ nothing.of_the_kind }}")
    with pytest.raises(
        NotReached,
        match=r"the template confirmation.txt, line 1, fails: UndefinedError: 'nothing' is undefined",
    ):
        await confirm(mailer(box, templates=tmp_path))


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        "ada@example.com>\r\nRCPT TO:<eve@example.com",
        "nobody",
        "",
        "añadir@example.com",
    ],
)
async def test_an_address_is_one_address_or_refused(box: MailServer, email: str) -> None:
    with pytest.raises(NoticeRefused):
        await confirm(mailer(box), Customer(name="Ada", email=email))
    assert box.recipients == []


async def test_a_name_slips_no_header_in(box: MailServer) -> None:
    name = 'Ada"\r\nBcc: eve@example.com\r\n\r\nhello, Ünal <eve@example.com>'
    await confirm(mailer(box), Customer(name=name, email="ada@example.com"))
    [mail] = box.mails
    assert box.recipients == ["ada@example.com"]
    assert mail["Bcc"] is None
    assert [each.addr_spec for each in mail["To"].addresses] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("rcpt", "data", "raised"),
    [
        ("550 <ada@example.com>: no such mailbox", "250 OK", NoticeRefused),
        ("450 <ada@example.com>: come back later", "250 OK", NotReached),
        ("250 OK", "554 <ada@example.com>: this is spam", NoticeRefused),
        ("250 OK", "cut", AnswerLost),
    ],
)
async def test_a_refusal_is_told_without_the_address(
    box: MailServer, rcpt: str, data: str, raised: type[Exception]
) -> None:
    box.rcpt, box.data = rcpt, data
    with pytest.raises(raised) as told:
        await confirm(mailer(box))
    assert "ada@" not in str(told.value)
    assert len(box.mails) == (1 if data == "cut" else 0)


async def test_a_mail_sent_again_after_a_lost_answer_has_the_same_id(box: MailServer) -> None:
    box.data = "cut"
    with pytest.raises(AnswerLost):
        await confirm(mailer(box))
    box.data = "250 OK"
    await confirm(mailer(box))
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_server_that_does_not_let_us_in_was_not_reached(
    box: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away, a wrong password, no TLS where there must be some, a certificate that nobody knows."""
    doors: list[tuple[str, dict[str, Any]]] = [
        ("ConnectError", {"port": unused_port()}),
        (r"AuthenticationError \(535\)", {"password": "wr0ng"}),
        ("SMTPException", {"encryption": "none"}),
        ("SSLCertVerificationError", {}),
    ]
    for words, changes in doors:
        if not changes:
            monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(NotReached, match=words) as told:
            await confirm(mailer(box, **changes))
        assert "wr0ng" not in str(told.value)
        assert PASSWORD not in str(told.value)
    assert box.mails == []


async def test_a_broken_template_is_told_when_it_is_opened(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (("HOST", LOOPBACK), ("SENDER", "shop@example.com"), ("TEMPLATES", str(tmp_path))):
        monkeypatch.setenv(f"ORDER_MAILER_{name}", value)
    for name, text, why in (
        ("cancellation.html", "{% if %}", "TemplateSyntaxError: "),
        ("confirmation.txt", "{{ details.parcel.tracking_numer }}", "UndefinedError: .* 'tracking_numer'"),
        ("cancellation.txt", "{{ details.payment.amount }}", "UndefinedError: .* 'amount'"),
        ("confirmation.html", "{{ details.payment.amount | amount }}", "TypeError: .* 'currency'"),
    ):
        (tmp_path / name).write_text(text)
        words = f"^ORDER_MAILER_TEMPLATES: the template {name}, line 1, fails: {why}"
        with pytest.raises(InvalidSettings, match=words) as told:
            async with open_gateways(load_settings(mailer="smtp", faults="none"), database):
                raise AssertionError("it was opened")
        assert "\n" not in str(told.value)
        (tmp_path / name).unlink()
    (tmp_path / "confirmation.txt").write_text("Sent\n\n{{ details.parcel.tracking_number }}")
    async with open_gateways(load_settings(mailer="smtp", faults="none"), database) as world:
        assert isinstance(world.mailer, SmtpMailer)


async def test_orders_tell_their_customers_what_the_book_knows(
    box: MailServer, sqlite_database: Database, client: Client
) -> None:
    world = SimulatedWorld(sqlite_database)
    world.mailer = mailer(box)  # pyright: ignore[reportAttributeAccessIssue]
    shop = Shop(sqlite_database, client, world)
    good = an_order()
    nowhere = good.shipping_address.model_copy(update={"postal_code": "00000"})
    undone = an_order(shipping_address=nowhere)
    async with shop.open():
        for order in (good, undone):
            await shop.ended(await shop.start(order))
    by_subject = {mail["Subject"]: mail for mail in box.mails}
    confirmation = by_subject[f"Your order {good.order_id} is on its way"].get_body(("plain",))
    cancellation = by_subject[f"Your order {undone.order_id} is cancelled"].get_body(("plain",))
    assert confirmation is not None
    assert cancellation is not None
    told = confirmation.get_content()
    assert "1 x LAPTOP-789, 999.99 USD each" in told
    assert "Paid: 1,059.97 USD" in told
    assert "https://track.example.com/?n=" in told
    assert "You get back 1,059.97 USD." in cancellation.get_content()
