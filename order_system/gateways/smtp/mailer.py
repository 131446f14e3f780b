"""Sends mails by SMTP: `ORDER_MAILER=smtp`. Needs the extra `smtp`."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from email.utils import localtime, parseaddr
from traceback import extract_tb
from typing import Any, Literal
from urllib.parse import quote

import aiosmtplib
import jinja2
from pydantic import BaseModel, DirectoryPath, Field, SecretStr

from order_system.domain.errors import AnswerLost, InvalidSettings, NoticeRefused, NotReached
from order_system.domain.gateways import NoticeDetails
from order_system.domain.ids import split_key
from order_system.domain.messages import NoticeKind
from order_system.domain.money import format_amount
from order_system.domain.order import Customer, DispatchReceipt, NoticeReceipt, OrderLine, PaymentReceipt
from order_system.gateways import policy

_PAID = PaymentReceipt(charge_id="", amount=1990, currency="USD")
_LINES = (OrderLine(sku="SAMPLE", quantity=1, unit_price=1990),)
_SENT = NoticeDetails(_PAID, _LINES, DispatchReceipt(carrier="Sample", tracking_number="SAMPLE"))
_SAMPLES = (
    (NoticeKind.CONFIRMATION, _SENT),
    (NoticeKind.CANCELLATION, NoticeDetails(_PAID, _LINES)),
    (NoticeKind.CANCELLATION, NoticeDetails()),
)
"""The templates are tried with these. An order may be cancelled before the book has any details of it."""


class SmtpSettings(BaseModel):
    """Read from ORDER_MAILER_HOST and so on."""

    host: str = Field(description="the mail server's name")
    port: int = Field(587, ge=1, le=65_535, description="the port of the mail server")
    encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls (from the first byte, port 465) or none"
    )
    username: str | None = Field(None, description="the login, if the server wants one")
    password: SecretStr | None = Field(None, description="the password of that login")
    sender: str = Field(description="whom mails are from, e.g. The Shop <shop@example.com>")
    templates: DirectoryPath | None = Field(None, description="a folder with your own templates")
    tracking_url: str = Field("", description="a link with {tracking_number} in it")


@asynccontextmanager
async def mailer(settings: SmtpSettings) -> AsyncGenerator["SmtpMailer"]:
    """Open the mailer; each mail has its own connection. Raises InvalidSettings for a template that fails."""
    mailer = SmtpMailer(settings)
    try:
        mailer.try_templates()
    except NotReached as failure:
        raise InvalidSettings(f"ORDER_MAILER_TEMPLATES: {failure}") from failure
    yield mailer


class SmtpMailer:
    """Implements `domain.gateways.Mailer` and `DetailedMailer`.

    SMTP is not idempotent, and a mail server cannot be asked what it did. If the answer to a mail is lost,
    the retry sends it again. Both have one `Message-ID`, made from the key: many mailboxes show one mail."""

    def __init__(self, settings: SmtpSettings) -> None:
        own = [jinja2.FileSystemLoader(settings.templates)] if settings.templates else []
        name, address = parseaddr(settings.sender)
        self._sender = Address(name, addr_spec=address)
        self._settings = settings
        self._templates = jinja2.Environment(
            loader=jinja2.ChoiceLoader([*own, jinja2.PackageLoader("order_system.gateways.smtp")]),
            autoescape=jinja2.select_autoescape(["html"]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Any] = {"amount": format_amount}
        self._templates.filters.update(filters)

    def try_templates(self) -> None:
        """Render every template with samples. Raises NotReached for a template that fails."""
        for kind, details in _SAMPLES:
            self._mail("SAMPLE::notify", kind, Customer(name="Ada", email="ada@example.com"), details)

    async def send(self, key: str, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        return await self.send_details(key, kind=kind, customer=customer, details=NoticeDetails())

    async def send_details(
        self, key: str, *, kind: NoticeKind, customer: Customer, details: NoticeDetails
    ) -> NoticeReceipt:
        mail, ours = self._mail(key, kind, customer, details), self._settings
        server = aiosmtplib.SMTP(
            hostname=ours.host,
            port=ours.port,
            local_hostname=self._sender.domain,
            use_tls=ours.encryption == "tls",
            start_tls=ours.encryption == "starttls",
            username=ours.username,
            password=ours.password.get_secret_value() if ours.password else None,
            timeout=policy.MAIL_SERVER.total_seconds(),
        )
        try:
            await self._hand_over(server, mail, mail["To"].addresses[0].addr_spec)
        finally:
            server.close()
        return NoticeReceipt(message_id=mail["Message-ID"], kind=kind)

    async def _hand_over(self, server: aiosmtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        """Send the mail. The server has it once it has answered to the content. A refusal is definite."""
        try:
            await server.connect()
            await server.mail(self._sender.addr_spec)
            await server.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as no:
            raise _refused("the recipient", no.code) from None
        except (aiosmtplib.SMTPException, OSError) as failure:
            code = f" ({failure.code})" if isinstance(failure, aiosmtplib.SMTPResponseException) else ""
            what = type(failure).__name__
            raise NotReached(f"the mail server takes no mail: {what}{code}") from failure
        try:
            await server.data(mail.as_bytes(policy=CRLF))
        except aiosmtplib.SMTPDataError as no:
            raise _refused("the mail", no.code) from None
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise AnswerLost(f"the mail may have been sent: {type(failure).__name__}") from failure

    def _mail(self, key: str, kind: NoticeKind, customer: Customer, details: NoticeDetails) -> EmailMessage:
        """Make the mail. A name cannot inject a header: line breaks become spaces, `email` quotes the rest.
        Raises NoticeRefused unless there is one valid address, and NotReached for a template that fails."""
        try:
            recipient = Address(_one_line(customer.name), addr_spec=customer.email.encode("ascii").decode())
        except (ValueError, HeaderParseError, IndexError):
            raise NoticeRefused("the e-mail address is none that can be sent to") from None
        number = quote(details.parcel.tracking_number, safe="") if details.parcel else ""
        link = self._settings.tracking_url.replace("{tracking_number}", number) if number else ""
        told = {
            "order_id": split_key(key)[0],
            "customer": customer,
            "details": details,
            "tracking_link": link,
        }
        text, html = (self._rendered(f"{kind}.{form}", told) for form in ("txt", "html"))
        subject, _, body = text.partition("\n")
        mail = EmailMessage(policy=CRLF)
        mail["From"], mail["To"], mail["Subject"] = self._sender, recipient, _one_line(subject)
        mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{self._sender.domain}>"
        mail["Date"], mail["Auto-Submitted"] = localtime(), "auto-generated"
        mail.set_content(body.lstrip())
        mail.add_alternative(html, subtype="html")
        return mail

    def _rendered(self, file: str, told: dict[str, Any]) -> str:
        try:
            return self._templates.get_template(file).render(told)
        except Exception as failure:
            frames = extract_tb(failure.__traceback__)  # Jinja2 puts the lines of templates there
            lines = [each.lineno for each in frames if each.filename.endswith(file)]
            line = f", line {lines[-1]}," if lines else ""
            why = " ".join(f"{type(failure).__name__}: {failure}".split())
            raise NotReached(f"the template {file}{line} fails: {why}") from failure


def _refused(what: str, code: int) -> NoticeRefused | NotReached:
    """Return a final error for 5xx, else a temporary one. Omits the server's text, which has the address."""
    told = f"the mail server refuses {what} ({code})"
    return NoticeRefused(told) if code >= 500 else NotReached(told)


def _one_line(text: str) -> str:
    return " ".join(text.split())
