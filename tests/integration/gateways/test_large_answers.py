"""A gateway or a receiver that answers without end, or with a little that unpacks to much: it must not fill
our memory."""

import asyncio
import gzip
import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from order_system.domain.errors import AnswerLost
from order_system.domain.webhooks import Event, EventType
from order_system.gateways import policy
from order_system.gateways.webhooks import Receiver
from tests.fixtures.peers.receiver import SECRET
from tests.integration.gateways.test_http_client import RECEIPT, answer, charging, saying

ENDLESS = b"HTTP/1.1 200 -\r\nConnection: close\r\n\r\n" + b" " * (policy.ANSWER_BYTES + 1)
"""The connection stays open."""


async def test_a_gateway_that_says_too_much_has_not_answered() -> None:
    never = asyncio.Event()
    async with saying(ENDLESS, then=never) as service, asyncio.timeout(policy.ANSWER.total_seconds()):
        with pytest.raises(AnswerLost, match="the answer is longer than 300,000 bytes"):
            await charging(service.url)
        never.set()


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "utf-8", "gzip"])
async def test_an_answer_that_can_be_read_counts_whatever_its_coding_is_called(coding: str) -> None:
    async with saying(answer(200, RECEIPT, Content_Encoding=coding)) as service:
        assert (await charging(service.url)).charge_id == RECEIPT["charge_id"]


async def test_nothing_is_unpacked() -> None:
    packed = gzip.compress(json.dumps(RECEIPT).encode())
    async with saying(answer(200, packed, Content_Encoding="gzip")) as service:
        with pytest.raises(AnswerLost, match="what came is no answer to this call"):
            await charging(service.url)
    async with saying(answer(500, packed, Content_Encoding="gzip")) as service:
        with pytest.raises(AnswerLost, match="settles nothing: its content is packed as gzip: not read"):
            await charging(service.url)
    assert b"Accept-Encoding: identity" in service.heard


async def test_of_what_a_receiver_says_only_the_beginning_is_read() -> None:
    never = asyncio.Event()
    event = Event(type=EventType.TEST, timestamp=datetime.now(UTC), data={}, which=("1",))
    async with saying(ENDLESS, then=never) as service, asyncio.timeout(policy.ANSWER.total_seconds()):
        assert await Receiver(service.url, SecretStr(SECRET)).post(event) == "200 -"
        never.set()
