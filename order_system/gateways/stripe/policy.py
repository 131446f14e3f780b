"""The time-outs of calls to Stripe. Both are shorter than `domain.policy.GATEWAY_CALL`."""

from datetime import timedelta

CONNECT = timedelta(seconds=3)
ANSWER = timedelta(seconds=7)

SEARCH_IS_LATE = timedelta(minutes=10)
"""So long Stripe's search may not know a payment; mostly it is a minute. The list has it at once, but must be
read within a call. After an outage of Stripe's it may be an hour: so long the reconciler asks again."""
