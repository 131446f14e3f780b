"""The time-outs of `Remembered`."""

from datetime import timedelta

from order_system.domain.policy import GATEWAY_CALL

SENT_ONCE = timedelta(seconds=30)
"""A call that is never made twice may take so long, and goes on when its caller has given up. After that its
answer is not waited for any more, by whichever process it was made."""

WAITS = GATEWAY_CALL - timedelta(seconds=2)
"""For a call that is under way, before whoever asks is told so. If our own database takes so long, a call is
not begun."""

LOOKS_AGAIN = timedelta(milliseconds=100)
"""At a call that is under way, maybe in another process."""
