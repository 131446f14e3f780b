"""What a client over HTTP makes of services that are away, slow, cut off, or say what nobody understands."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from order_system.domain.errors import AnswerLost, NotReached, PaymentDeclined
from order_system.domain.ids import Key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import PaymentReceipt
from order_system.gateways import policy
from order_system.gateways.http import client
from order_system.gateways.http.client import HttpPaymentSettings, HttpSettings
from tests.fixtures.processes.forwarding import LOOPBACK, unused_port
from tests.fixtures.shops.shop import an_order

KEY = Key("ORDER-001:1:charge", 2)
ORDER = an_order("ORDER-001")
RECEIPT = {"charge_id": "ch_1", "amount": 5998, "currency": "USD"}


def answer(status: int, body: object, **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Length": str(len(content)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} -", *(f"{name.replace('_', '-')}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


def problem(status: int, kind: str, **headers: str) -> bytes:
    return answer(status, {"type": f"urn:order-system:{kind}", "detail": "the words of it"}, **headers)


@asynccontextmanager
async def saying(said: bytes, *, then: asyncio.Event | None = None) -> AsyncGenerator[SimpleNamespace]:
    """A service that reads the whole request, says this, and hangs up: at once, or after an event. `url` is
    where, `heard` what it was sent."""
    service = SimpleNamespace(heard=b"", url="")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        service.heard = head + await reader.readexactly(length)
        writer.write(said)
        if then is not None:
            await then.wait()
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        service.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/below"
        yield service


async def charging(url: str) -> Any:
    async with client.payments(HttpPaymentSettings(url=url)) as payments:
        return await payments.charge(KEY, amount=5998, currency="USD", payment_method="pm_card_ok")


async def test_a_call_is_a_post_of_its_arguments_with_the_key_as_headers() -> None:
    async with saying(answer(200, RECEIPT | {"of_a_later_version": 1})) as service:
        receipt = await charging(service.url)
    assert (receipt.charge_id, receipt.amount, receipt.currency) == ("ch_1", 5998, "USD")
    head, _, body = service.heard.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /below/payments/charge HTTP/1.1")
    assert b"Idempotency-Key: ORDER-001:1:charge\r\nIdempotency-Round: 2" in head
    assert b"Signature" not in head
    assert json.loads(body) == {"amount": 5998, "currency": "USD", "payment_method": "pm_card_ok"}


NO_ANSWERS = {
    "another amount": (answer(200, RECEIPT | {"amount": 599800}), "amount is 599800, and 5998 was asked for"),
    "another currency": (answer(200, RECEIPT | {"currency": "EUR"}), "currency is EUR"),
    "an amount in words": (
        answer(200, RECEIPT | {"amount": "5998"}),
        "amount: Input should be a valid integer",
    ),
    "captured by others": (
        answer(200, RECEIPT | {"captured_elsewhere": "confirmed by the gateway"}),
        "not for it to say",
    ),
    "nothing under that key": (problem(404, "nothing-under-that-key"), "settles nothing: the words of it"),
    "null": (answer(200, None), "no answer to this call"),
    "no JSON": (answer(200, b"<html>OK</html>"), "Invalid JSON"),
    "half of it": (answer(200, RECEIPT)[:-5], "connection broke before the answer came"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", "connection broke before the answer came"),
    "hung up": (b"", "connection broke before the answer came"),
    "its own trouble": (answer(500, b"Traceback ..."), "500 of type about:blank settles nothing: Traceback"),
    "bytes for letters": (answer(500, b"00", Content_Type="text/plain; charset=hex"), "settles nothing: 00"),
    "its own no in trouble": (problem(500, "payment-declined"), "500"),
    "a no of another port": (problem(409, "out-of-stock"), "out-of-stock settles nothing"),
    "an unknown no": (problem(409, "card-is-ugly"), "urn:order-system:card-is-ugly settles nothing"),
    "a proxy that gives up": (answer(503, b"upstream reset"), "503 of type about:blank"),
    "a time": (answer(503, b"", Retry_After="Fri, 31 Dec 2027 23:59:59 GMT"), "503"),
    "a long time": (answer(503, b"", Retry_After="9" * 400), "503"),
    "somewhere else": (answer(301, b"", Location="/elsewhere"), "301"),
    "accepted": (answer(202, RECEIPT), "202"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer_leaves_open_whether_it_was_done(name: str) -> None:
    said, words = NO_ANSWERS[name]
    async with saying(said) as service:
        with pytest.raises(AnswerLost, match=r"^/payments/charge: ") as lost:
            await charging(service.url)
    assert words in str(lost.value)
    assert "\n" not in str(lost.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (answer(429, b"", Retry_After="30"), 30),
        (answer(503, b"<html>", Retry_After="0"), 0),
        (problem(503, "not-reached"), None),
        (problem(503, "not-reached", Retry_After="7"), 7),
        (problem(401, "signature-refused"), None),
        (problem(422, "request-refused"), None),
    ],
)
async def test_what_promises_that_nothing_was_done_is_tried_again_when_it_says(
    said: bytes, seconds: int | None
) -> None:
    async with saying(said) as service:
        with pytest.raises(NotReached) as told:
            await charging(service.url)
    assert told.value.retry_after == seconds


async def test_a_definite_no_is_told_in_the_words_of_the_service() -> None:
    for status in (402, 409):
        async with saying(problem(status, "payment-declined")) as service:
            with pytest.raises(PaymentDeclined, match=r"^the words of it$"):
                await charging(service.url)


async def test_nobody_there_is_not_reached() -> None:
    with pytest.raises(NotReached, match="cannot be reached"):
        await charging(f"http://{LOOPBACK}:{unused_port()}")


@pytest.mark.parametrize("said", [b"", answer(200, RECEIPT)[:-5]], ids=["silent", "half"])
async def test_an_answer_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(policy, "ANSWER", timedelta(seconds=0.2))
    over = asyncio.Event()
    async with saying(said, then=over) as service:
        with pytest.raises(AnswerLost, match=r"no answer within 0\.2 seconds"):
            await charging(service.url)
        over.set()


async def test_an_undo_takes_no_refusal_and_believes_nothing_there_only_by_its_type() -> None:
    async def releasing(said: bytes) -> Any:
        async with saying(said) as service, client.warehouse(HttpSettings(url=service.url)) as warehouse:
            return await warehouse.release("ORDER-001:1:reserve"), service.heard

    released, heard = await releasing(problem(404, "nothing-under-that-key"))
    assert (released, b"Idempotency" in heard) == (None, False)
    for said in (problem(409, "out-of-stock"), answer(404, b""), answer(200, None)):
        with pytest.raises(AnswerLost):
            await releasing(said)


async def test_a_void_that_says_both_says_neither() -> None:
    async def voiding(**said: object) -> Any:
        async with (
            saying(answer(200, said)) as service,
            client.carrier(HttpSettings(url=service.url)) as carrier,
        ):
            return await carrier.void("ORDER-001:1:label")

    assert (await voiding(label_existed=True)).label_existed
    assert (await voiding(carrier="Ours", tracking_number="1")).tracking_number == "1"
    with pytest.raises(AnswerLost, match="one of several"):
        await voiding(label_existed=True, carrier="Ours", tracking_number="1")


async def test_a_refund_of_another_amount_than_the_book_has_is_no_refund() -> None:
    charged = PaymentReceipt.model_validate(RECEIPT)
    back = {"refund_id": "re_1", "amount": 5997, "currency": "USD"}
    async with (
        saying(answer(200, back)) as service,
        client.payments(HttpPaymentSettings(url=service.url)) as payments,
    ):
        with pytest.raises(AnswerLost, match="amount is 5997, and 5998 was asked for"):
            await payments.refund(KEY, receipt=charged)
        assert json.loads(service.heard.partition(b"\r\n\r\n")[2])["receipt"]["charge_id"] == "ch_1"
        assert (await payments.refund(KEY, receipt=None)).amount == 5997


async def test_other_receipts_are_held_to_what_was_asked_for_too() -> None:
    other_lines = [line.model_dump(mode="json") | {"quantity": 9} for line in ORDER.lines]
    async with (
        saying(answer(200, {"reservation_id": "rs_1", "lines": other_lines})) as service,
        client.warehouse(HttpSettings(url=service.url)) as warehouse,
    ):
        with pytest.raises(AnswerLost, match="lines is"):
            await warehouse.reserve(Key("ORDER-001:1:reserve"), lines=ORDER.lines)
    async with (
        saying(answer(200, {"message_id": "m_1", "kind": "cancellation"})) as service,
        client.mailer(HttpSettings(url=service.url)) as mailer,
    ):
        with pytest.raises(AnswerLost, match="kind is cancellation"):
            await mailer.send(
                Key("ORDER-001:1:notify"), kind=NoticeKind.CONFIRMATION, customer=ORDER.customer
            )
