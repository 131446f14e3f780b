"""Every time-out and limit of the kit."""

from datetime import timedelta

ASK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (0, 0.5, 1, 2))
"""The pause before each try of a call that gets no answer. After the last try it counts as unanswered."""

FOUND_BY_KEY = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 4, 8, 15, 30))
"""The pause before each look for a charge by its key alone: a minute in all, as `refund` promises."""

AT_ONCE = 4
"""The number of calls that are made at the same moment."""

RACES = 4
"""The number of races of one kind, since a single race may be won by chance."""

FIRST_CALLS = 16
"""The number of calls that are made to see whether one fails by itself."""

MOMENTS = 6
"""The number of moments at which a call is cut off, from its beginning to a little after its usual end."""

OTHER_PROCESS_ENDS = timedelta(seconds=10)
