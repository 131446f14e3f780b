"""The log of changes: one line for each change that a person asks for, by page, API or command. `logs.py`
says where it goes. It has no notes, since a note may name a customer; the order book has the notes."""

import getpass
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from order_system.domain.errors import DatabaseUnready, NoWorkerAnswers, OrderSystemError, ServerAway

CHANGES = "order_system.changes"
Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])

log = logging.getLogger(CHANGES)
acting: ContextVar[str | None] = ContextVar("acting", default=None)
"""The name of the key that came with the request. None in a command, where the system's user acts."""


def user_here() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container may run us as somebody who has no name
        return f"uid-{os.getuid()}@{socket.gethostname()}"


def note(did: str, what: str, outcome: str) -> None:
    user, _, host = user_here().rpartition("@")  # user@host.name would be redacted as an e-mail address
    who = acting.get() or f"{user}@{host.partition('.')[0]}"
    log.info("change", extra={"who": who, "did": did, "what": what, "outcome": outcome})


def noted(did: str) -> Callable[[Method], Method]:
    """Make a decorator: each call of the method is noted, with its first argument and its result."""

    def of(method: Method) -> Method:
        @wraps(method)
        async def noting(*args: Any, **kwargs: Any) -> Any:
            what, came_to = _named(args[1], "order_id", "name", "choice"), "not known yet"
            try:
                answer = await method(*args, **kwargs)
                came_to = _named(answer, "how", "result", "state")
            except (DatabaseUnready, NoWorkerAnswers, ServerAway) as unanswered:
                came_to += f": {unanswered}"
                raise
            except OrderSystemError as refused:
                came_to = f"refused: {refused}"
                raise
            finally:
                note(did, what, came_to)
            return answer

        return cast("Method", noting)

    return of


def _named(thing: Any, *names: str) -> str:
    """Return the first of these attributes as text; never a whole model, which may hold personal data."""
    if isinstance(thing, tuple):  # the result, and the order's state after it
        thing = cast("tuple[object, ...]", thing)[0]
    if thing is None or isinstance(thing, bool):
        return {None: "done", True: "started", False: "already running"}[thing]
    if isinstance(thing, str | int):
        return str(thing)
    return next((str(getattr(thing, name)) for name in names if hasattr(thing, name)), "")
