"""Signs events and posts them to your receiver, by the Standard Webhooks convention. Needs the extra
`webhooks`, and is loaded only if ORDER_WEBHOOKS_URL is set.

Redirects are not followed: if a receiver moves, a person must set its new address."""

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus

import httpx
from pydantic import SecretStr
from standardwebhooks import Webhook

from order_system.domain import policy
from order_system.domain.errors import AnswerLost, ReceiverGone
from order_system.domain.messages import one_line
from order_system.domain.webhooks import Event
from order_system.gateways.policy import ANSWER_BYTES
from order_system.gateways.posting import post

_SHOWN = 200
"""How many characters of a receiver's answer are shown."""


@dataclass(frozen=True)
class Receiver:
    url: str = field(repr=False)
    """Hidden, since a path or a password in it may be a secret."""
    secret: SecretStr

    async def post(self, event: Event) -> str:
        """Post the event, signed, and return what the receiver said. Raises ReceiverGone and AnswerLost."""
        body, now = event.model_dump_json(include={"type", "timestamp", "data"}), datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret.get_secret_value()).sign(event.id, now, body),
        }
        try:
            async with (
                asyncio.timeout(policy.WEBHOOK_ANSWER.total_seconds()),
                httpx.AsyncClient(verify=_trusted(), timeout=None) as client,  # noqa: S113 - bounded above
            ):
                answer, content = await post(client, self.url, body, headers, most=ANSWER_BYTES)
        except TimeoutError:
            within = f"{policy.WEBHOOK_ANSWER.total_seconds():g} seconds"
            raise AnswerLost(f"the receiver did not answer within {within}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise AnswerLost(f"the receiver cannot be reached: {type(failure).__name__}: {failure}") from None
        said = " ".join(one_line(content.decode(errors="replace")).split())[:_SHOWN]
        told = f"{answer.status_code} {answer.reason_phrase}" + (f": {said}" if said else "")
        if answer.status_code == HTTPStatus.GONE:
            raise ReceiverGone(f"the receiver wants no more events: {told}")
        if not answer.is_success:
            raise AnswerLost(f"the receiver answered {told}")
        return told


@cache
def _trusted() -> ssl.SSLContext:
    """Return the TLS context. It is made once, since that reads every trusted certificate."""
    return ssl.create_default_context()
