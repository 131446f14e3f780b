"""`starter.py webhooks test`: one signed event, and what came back."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.fixtures.peers.receiver import SECRET, Receiver
from tests.fixtures.processes.command_line import starter


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.there():
        yield receiver


def test_it_says_what_came_back(receiver: Receiver) -> None:
    tried = starter("webhooks", "test", receiver.url, "--json", env={"ORDER_WEBHOOKS_SECRET": SECRET})
    assert (tried.code, tried.document["delivered"]) == (0, True)
    [(event_id, event)] = receiver.events.items()
    assert (event_id, event["type"]) == (tried.document["event_id"], "webhook.test")


@pytest.mark.parametrize("status", [HTTPStatus.FOUND, HTTPStatus.GONE, HTTPStatus.INTERNAL_SERVER_ERROR])
def test_what_is_no_success_is_none(receiver: Receiver, status: HTTPStatus) -> None:
    """A redirect is not followed, either."""
    receiver.answer, receiver.words = status, b"00 \x1b[2J not now"
    env = {"ORDER_WEBHOOKS_SECRET": SECRET, "ORDER_WEBHOOKS_URL": receiver.url}
    tried = starter("webhooks", "test", env=env)
    assert tried.code == 1
    assert str(int(status)) in tried.out
    assert "00 [2J not now" in tried.out
    assert (receiver.refused, receiver.events) == (1, {})


def test_nobody_is_there() -> None:
    env = {"ORDER_WEBHOOKS_SECRET": SECRET, "ORDER_WEBHOOKS_URL": "http://127.0.0.1:1/hidden"}
    tried = starter("webhooks", "test", env=env)
    assert tried.code == 1
    assert "cannot be reached" in tried.out
    assert "hidden" not in tried.out + tried.err


def test_no_receiver_is_named() -> None:
    assert starter("webhooks", "test", env={}).code == 2
    wrong = starter("webhooks", "test", "ftp://example.com", env={"ORDER_WEBHOOKS_SECRET": SECRET})
    assert (wrong.code, "ORDER_WEBHOOKS_URL" in wrong.err) == (2, True)
