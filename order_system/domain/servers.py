"""Temporal servers, as the order book tells them apart."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Server:
    """Two of them may both have a namespace `default`."""

    namespace: str
    namespace_id: str | None = None
    """The namespace's UUID, which no other server has; None if the server does not tell."""
    retention: timedelta | None = None
    """How long it keeps what has closed; None likewise."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its submissions may be noted under: those from before the UUID was noted, by the name."""
        return (self.namespace_id, self.namespace) if self.namespace_id else (self.namespace,)


@dataclass(frozen=True)
class Stranded:
    """What is open on another server than ours: nobody here settles it, until it is adopted."""

    server: str
    """The UUID of its namespace; the namespace's name if it was written before that was noted."""
    namespace: str
    submissions: int
    since: datetime
    """When the oldest was opened."""
