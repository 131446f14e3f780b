"""Every time-out of the command line."""

from datetime import timedelta

ANSWER_SHOWN = timedelta(seconds=5)
"""How long a command that has sent an answer goes on looking at its result."""

WORD_ABOUT_WAITING = timedelta(seconds=10)
"""A command that has waited this long for a workflow says so: perhaps no worker runs."""

ATTENTION_RENEWED = timedelta(seconds=2)
"""How often `attention --watch` looks again."""
