"""Who changed what: a line for each change that somebody asks for, by page, API and command alike. `logs.py`
says where it goes. Notes are not in it, since they may name a customer: the order book has them."""

import getpass
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from order_system.domain.errors import OrderSystemError

CHANGES = "order_system.changes"
Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])

log = logging.getLogger(CHANGES)
acting: ContextVar[str | None] = ContextVar("acting", default=None)
"""The name of the key that a request has brought. None: a command, and its user acts."""


def user_here() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container may run us as somebody who has no name
        return f"uid-{os.getuid()}@{socket.gethostname()}"


def note(did: str, what: str, outcome: str) -> None:
    user, _, host = user_here().rpartition("@")  # in full it would look like an e-mail address, and be hidden
    who = acting.get() or f"{user}@{host.partition('.')[0]}"
    log.info("change", extra={"who": who, "did": did, "what": what, "outcome": outcome})


def noted(did: str) -> Callable[[Method], Method]:
    """A method whose calls are noted, with what it is first told of and what it returns."""

    def of(method: Method) -> Method:
        @wraps(method)
        async def noting(*args: Any, **kwargs: Any) -> Any:
            what, came_to = _named(args[1], "order_id", "name", "choice"), "not known yet"
            try:
                answer = await method(*args, **kwargs)
                came_to = _named(answer, "how", "result", "state")
            except OrderSystemError as refused:
                came_to = f"refused: {refused}"
                raise
            finally:
                note(did, what, came_to)
            return answer

        return cast("Method", noting)

    return of


def _named(thing: Any, *names: str) -> str:
    """Never a model as a whole, which may hold what is personal."""
    if isinstance(thing, tuple):  # what came of it, and how things stand then
        thing = cast("tuple[object, ...]", thing)[0]
    if thing is None or isinstance(thing, bool):
        return {None: "done", True: "started", False: "already running"}[thing]
    if isinstance(thing, str | int):
        return str(thing)
    return next((str(getattr(thing, name)) for name in names if hasattr(thing, name)), "")
