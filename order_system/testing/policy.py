"""Every time-out and limit of the kit."""

from datetime import timedelta

ASK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (0, 0.5, 1, 2))
"""The pauses before a call is made, and made again while no answer comes. Then it counts as unanswered."""

FOUND_BY_KEY = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 4, 8, 15, 30))
"""Likewise, before a charge must be found by its key alone: a minute in all, as `refund` promises."""

AT_ONCE = 4
"""Calls at the same moment."""

RACES = 4
"""Of one kind, since a single one may be won by chance."""

FIRST_CALLS = 16
"""Of which one may fail."""

MOMENTS = 6
"""At which a call is cut off, from its beginning to a little after its usual end."""

OTHER_PROCESS_ENDS = timedelta(seconds=10)
