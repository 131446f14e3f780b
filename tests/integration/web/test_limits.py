"""How much, how deep and how slow a request may be: on a port, since it is the network that is rude."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import product

import pytest
from fastapi import UploadFile
from httpx import AsyncClient

from order_system.web import policy
from tests.fixtures.web.web import AS_OPERATOR, OPERATOR_KEY, WebShop

PATIENCE_SECONDS = 60
ORDERS, BATCHES = "/api/orders", "/api/batches?name=rude"
BODIES = ((ORDERS, "application/json"), (BATCHES, "text/csv"))
JSON = {"Content-Type": "application/json"}


class Wire:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def head(
        self, path: str, *headers: str, kind: str = "application/json", key: str = OPERATOR_KEY
    ) -> None:
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {key}",
            f"Content-Type: {kind}",
        ]
        await self.send(("\r\n".join([*lines, *headers]) + "\r\n\r\n").encode())

    async def answer(self) -> tuple[int, str]:
        """Status, and all that comes until the connection is closed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = ""
            with suppress(ConnectionResetError):  # what was still being sent is of no interest any more
                while piece := await self._reader.read(65_536):
                    text += piece.decode()
        return int(text.split(" ", 2)[1]), text

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize("key", [OPERATOR_KEY, "nobody-s-key-0001"])
async def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(
    shop: WebShop, key: str
) -> None:
    async with shop.on_a_port() as port, connected(port) as wire:
        await wire.head(ORDERS, "Content-Length: 5", "Transfer-Encoding: chunked", key=key)
        await wire.send(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, text = await wire.answer()
    assert status == 400
    assert "either Content-Length or Transfer-Encoding" in text
    assert text.count("HTTP/1.1 ") == 1, "what follows is not read as a request"


async def test_the_openapi_document_is_made_before_the_first_request(shop: WebShop) -> None:
    made: list[str] = []
    described = shop.app.openapi()
    shop.app.openapi = lambda: made.append("made") or described
    async with shop.on_a_port():
        assert made == ["made"]


async def test_a_length_beyond_all_bounds_is_refused_before_anything_is_read(shop: WebShop) -> None:
    async with shop.on_a_port() as port:
        for (path, kind), length in product(BODIES, (str(10**12), "9" * 400)):
            async with connected(port) as wire:
                await wire.head(path, f"Content-Length: {length}", kind=kind)
                status, text = await wire.answer()
                assert (status, length) == (413 if len(length) < 100 else status, length)
                assert status in (400, 413)
                assert "Traceback" not in text
    assert shop.uploaded() == []


async def test_a_body_that_never_comes_is_given_up(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("JSON_BODY_WITHIN", "UPLOAD_IDLE"):
        monkeypatch.setattr(policy, bound, timedelta(milliseconds=200))
    async with shop.on_a_port() as port:
        for path, kind in BODIES:
            async with connected(port) as wire:
                await wire.head(path, "Content-Length: 1000", kind=kind)
                await wire.send(b'{"order_id":')  # and no more, whatever the head has promised
                status, text = await wire.answer()
            assert (status, path) == (408, path)
            assert "did not come in time" in text
    assert shop.uploaded() == []


async def test_a_body_that_drips_is_given_up_too(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "UPLOAD_WITHIN", timedelta(milliseconds=400))
    async with shop.on_a_port() as port, connected(port) as wire:
        await wire.head(BATCHES, "Transfer-Encoding: chunked", kind="text/csv")

        async def drip() -> None:
            while True:
                await wire.send(b"1\r\nx\r\n")
                await asyncio.sleep(0.05)  # the rate of a client that is slow, not a wait for anything

        dripping = asyncio.create_task(drip())
        status, _ = await wire.answer()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)

    assert status == 408
    assert shop.uploaded() == []


async def test_nobody_keeps_a_connection_without_a_request(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "HEAD_WITHIN", timedelta(milliseconds=300))
    begun = (
        b"",
        b"GET /healthz HTT",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea",
        b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n{",
        b"POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n{",  # which reads none
    )
    async with shop.on_a_port() as port, asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(hung_up_on(port, sent) for sent in begun))


async def hung_up_on(port: int, sent: bytes) -> None:
    """Whoever has sent this, and then sends a byte now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    dripping = asyncio.create_task(dripped(writer))
    with suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    dripping.cancel()
    writer.close()


async def dripped(writer: asyncio.StreamWriter) -> None:
    """Something, again and again, and never the end of it."""
    while True:
        await asyncio.sleep(0.05)  # the rate of a client that is slow, not a wait for anything
        writer.write(b"x")


async def test_an_answer_may_take_longer_than_a_head(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "HEAD_WITHIN", timedelta(seconds=1))

    async def slowly() -> str:
        await asyncio.sleep(1.5)
        return "at last"

    shop.app.add_api_route("/api/slowly", slowly)
    async with (
        shop.on_a_port() as port,
        AsyncClient(headers=AS_OPERATOR, timeout=PATIENCE_SECONDS) as browser,
    ):
        answer = await browser.get(f"http://127.0.0.1:{port}/api/slowly")

    assert answer.json() == "at last"


async def test_a_sender_who_leaves_leaves_nothing_behind(shop: WebShop) -> None:
    async with shop.on_a_port() as port:
        async with connected(port) as wire:
            await wire.head(BATCHES, "Content-Length: 100000", kind="text/csv")
            await wire.send(b"order_id,currency\r\n")
            await wire.hang_up()
        async with connected(port) as wire:
            await wire.head(ORDERS, "Content-Length: 100000")
            await wire.send(b'{"order_id":')
            await wire.hang_up()
        async with connected(port) as wire:  # and the next one is served
            await wire.head(ORDERS, "Content-Length: 2", "Connection: close")
            await wire.send(b"{}")
            status, _ = await wire.answer()

    assert status == 422
    assert shop.uploaded() == []


async def test_more_than_the_length_says_is_not_read_as_part_of_it(shop: WebShop) -> None:
    async with shop.on_a_port() as port, connected(port) as wire:
        await wire.head(ORDERS, "Content-Length: 2")
        await wire.send(b'{}{"order_id": "SMUGGLED"}\r\n\r\n')
        _, text = await wire.answer()

    assert "SMUGGLED" not in text
    assert text.count("HTTP/1.1 422") == 1
    assert "HTTP/1.1 400" in text


async def test_a_form_whose_file_has_no_end_is_told_so_and_not_that_it_is_no_form(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "UPLOAD_BYTES", 100_000)

    async def take(file: UploadFile) -> str | None:
        return file.filename

    shop.app.add_api_route("/batches", take, methods=["POST"])

    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        while True:
            yield b"x" * 10_000

    async with shop.browsing() as browser:
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = await browser.post("/batches", content=endless(), headers=kind)

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_chunks_without_end_are_refused(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "JSON_BODY_BYTES", 50_000)
    async with shop.browsing() as browser:

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b" " * 10_000

        refused = await browser.post(ORDERS, content=endless(), headers=JSON)

    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"


async def test_what_is_nested_too_deeply_is_refused(operator: AsyncClient) -> None:
    for path, levels in product((ORDERS, "/api/orders/A-1/retry"), (9, 100_000)):
        for body in (b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels, b"[" * levels):
            refused = await operator.post(path, content=body, headers=JSON)
            assert (refused.status_code, path, levels) == (422, path, levels)
            assert levels == 9 or "nested too deeply" in refused.json()["detail"]
