"""`starter.py keys`: the keys that seal payloads at the Temporal server. `web-key`: keys of pages and API."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from order_system.cli.help import MORE_HELP
from order_system.cli.options import CLEAN, Embedded
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, open_session
from order_system.domain.errors import InvalidUsage
from order_system.infra import policy
from order_system.infra.changes import note
from order_system.infra.process import STARTER
from order_system.infra.sealing.ring import Key, KeyFile, Keys, open_ring
from order_system.infra.settings import load_settings
from order_system.infra.temporal.connection import reaching_server
from order_system.infra.temporal.executions import needing_key
from order_system.infra.web_keys import Role, new_key

_NAMED = 20
"""How many of those that need a key an error names."""

keys = App(name="keys", help_epilogue=MORE_HELP)


@keys.default
async def listed(*, screen: Screen = PEOPLE) -> int:
    """List them, the newest last; the keys themselves are never shown."""
    if not isinstance(ring := open_ring(load_settings()), Keys):
        raise InvalidUsage("ORDER_KEYS names no keys that could be listed")
    sealing, lines = ring.sealing(), list[str]()
    for key in ring.all():
        begins = f", from {key.seals_from:%Y-%m-%d %H:%M} UTC" if key.seals_from else ""
        lines.append(f"{key.id}{begins}{', seals now' if key == sealing else ''}")
    rows = [{**_document(key), "seals": key == sealing} for key in ring.all()]
    screen.answer({"keys": rows}, "\n".join(lines))
    return CLEAN


@keys.command
async def new(
    key_id: Annotated[str | None, Parameter(help="Its ID; by default this month, or the time.")] = None,
    /,
    *,
    screen: Screen = PEOPLE,
) -> int:
    """Make a key in the file that ORDER_KEYS names. It seals from now on, or from when its ID says."""
    configured()
    try:
        key = key_file().add(key_id)
    except (OSError, ValueError) as refused:
        raise InvalidUsage(f"no key is made: {refused}") from None
    note("add key", key.id, "is there")
    screen.answer(_document(key), f"key {key.id} is there")
    return CLEAN


@keys.command
async def retire(
    key_id: Annotated[str, Parameter(help="The ID of the key.")],
    /,
    *,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    """Destroy a key for good: nobody can ever read again what it has sealed. This
    is refused, with names, while something open on the Temporal server needs the key."""
    file = key_file()
    if key_id not in [key.id for key in file.all()]:
        raise InvalidUsage(f"there is no key {key_id} in the file; `{STARTER} keys` lists them")
    if (seals := file.sealing()).id == key_id:
        raise InvalidUsage(f"key {key_id} seals now: make a newer one first, by `{STARTER} keys new`")
    changed = max(file.path.stat().st_mtime, seals.seals_from.timestamp() if seals.seals_from else 0)
    if time.time() - changed < (pause := policy.KEY_SETTLED.total_seconds()):
        raise InvalidUsage(
            f"the keys have just changed, and somebody may not know yet: wait {pause:.0f} seconds"
        )
    async with open_session(configured(), screen, embedded=embedded) as session, reaching_server():
        needed_by = await needing_key(session.temporal, key_id)
    if needed_by:
        cure = "; a worker that starts anew writes its schedules anew" if "schedule" in needed_by[0] else ""
        raise InvalidUsage(f"{len(needed_by)} need key {key_id}: {', '.join(needed_by[:_NAMED])}{cure}")
    file.remove(key_id)
    note("retire key", key_id, "done")
    screen.answer({"retired": key_id}, f"key {key_id} is destroyed: nobody reads again what it has sealed")
    return CLEAN


async def web_key(
    role: Annotated[Role, Parameter(help="viewer or operator.")],
    /,
    *,
    name: Annotated[
        str | None, Parameter(help="The holder's name, which is noted beside what they do.")
    ] = None,
    days: Annotated[
        int, Parameter(help="How long it is good; by default 90.", validator=Number(gte=1, lte=3650))
    ] = 90,
    screen: Screen = PEOPLE,
) -> int:
    last_day = (datetime.now(UTC) + timedelta(days=days)).date()
    try:
        secret, entry = new_key(role, name, last_day)
    except ValueError:
        raise InvalidUsage(f"--name {name}: letters, digits, '.', '_' and '-', 64 at most") from None
    for_whom = f"secret, for its holder, shown this once:\n{secret}\n\nentry, for ORDER_WEB_KEYS:\n{entry}"
    screen.answer({"secret": secret, "entry": entry}, for_whom)
    return CLEAN


def key_file() -> KeyFile:
    """Return the file that ORDER_KEYS names. Raises InvalidUsage."""
    if (file := load_settings().key_file) is None:
        raise InvalidUsage("ORDER_KEYS names no file by its path: make a key by `openssl rand -base64 32`")
    return KeyFile(file)


def _document(key: Key) -> dict[str, str | None]:
    return {"id": key.id, "seals_from": key.seals_from.isoformat() if key.seals_from else None}
