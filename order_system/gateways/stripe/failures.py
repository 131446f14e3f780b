"""Turns Stripe's errors into ours. No error text contains an API key or a card."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx
import stripe

from order_system.domain import errors

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_OF_THE_ORDER = ("amount", "currency", "payment_method")
"""A bad value of one of these is a no to the order. Any other is a fault of our account or program."""


def as_ours(failure: stripe.StripeError) -> errors.OrderSystemError:
    """Return PaymentDeclined or NotReached if Stripe has certainly done nothing. Return AnswerLost otherwise,
    as for a 500 or a conflict with a request under way."""
    said = f"Stripe: {failure.user_message} (HTTP {failure.http_status}, {failure.code or 'no code'})"
    match failure:
        case stripe.CardError():
            return errors.PaymentDeclined(said)
        case stripe.InvalidRequestError():
            parameter = failure.error.param if failure.error else None
            of_the_order = failure.http_status == 404 or parameter in _OF_THE_ORDER
            return errors.PaymentDeclined(said) if of_the_order else errors.NotReached(said)
        case stripe.RateLimitError():
            pause = (failure.headers or {}).get("retry-after", "")
            return errors.NotReached(said, retry_after=float(pause) if pause.isdecimal() else None)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return errors.NotReached(f"Stripe does not accept the API key (HTTP {failure.http_status})")
        case stripe.APIConnectionError():
            cause = failure.__cause__
            kind = errors.NotReached if isinstance(cause, _NEVER_SENT) else errors.AnswerLost
            return kind(f"no answer from Stripe: {type(cause).__name__}")
        case _:
            return errors.AnswerLost(said)


@contextmanager
def finding_out() -> Generator[None]:
    """Raise any error as AnswerLost, in calls that ask what an earlier call did: that remains unknown."""
    try:
        yield
    except stripe.StripeError as failure:
        raise errors.AnswerLost(f"what became of the payment is not known: {as_ours(failure)}") from failure


@contextmanager
def looking_up(reference: str) -> Generator[None]:
    """Turn errors into ours while a payment made elsewhere is read. PaymentNotConfirmed if there is none."""
    try:
        yield
    except stripe.StripeError as failure:
        if failure.http_status == 404:
            raise errors.PaymentNotConfirmed(f"Stripe has no payment {reference}") from failure
        raise as_ours(failure) from failure


def key_is_taken(failure: stripe.StripeError) -> bool:
    """Whether another request has the same idempotency key: Stripe then refuses to answer this one."""
    return isinstance(failure, stripe.IdempotencyError) and failure.http_status == 400
