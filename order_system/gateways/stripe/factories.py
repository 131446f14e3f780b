"""What `ORDER_PAYMENTS=stripe` names."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import stripe
from pydantic import BaseModel, Field, SecretStr

from order_system.gateways.stripe import policy
from order_system.gateways.stripe.payments import StripePayments


class StripeSettings(BaseModel):
    """Read from ORDER_PAYMENTS_API_KEY and ORDER_PAYMENTS_URL."""

    api_key: SecretStr = Field(
        description="a secret or restricted API key of your Stripe account, sk_... or rk_..."
    )
    url: str = Field("https://api.stripe.com", pattern="^https?://", description="where Stripe's API is")


@asynccontextmanager
async def payments(settings: StripeSettings) -> AsyncGenerator[StripePayments]:
    """One client for each process. It never tries again by itself: our own attempts do, and are counted."""
    connect, answer = policy.CONNECT.total_seconds(), policy.ANSWER.total_seconds()
    http = stripe.HTTPXClient(timeout=httpx.Timeout(answer, connect=connect))
    try:
        yield StripePayments(
            stripe.StripeClient(
                settings.api_key.get_secret_value(),
                http_client=http,
                base_addresses={"api": settings.url.rstrip("/")},
                max_network_retries=0,
            )
        )
    finally:
        await http.close_async()
