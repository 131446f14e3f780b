"""`starter.py migrate`: the database's tables."""

from order_system.bootstrap import migrate_database
from order_system.cli.options import CLEAN, Json
from order_system.cli.screen import Screen
from order_system.cli.session import configured


async def migrate(*, as_json: Json = False) -> int:
    database = await migrate_database(configured())
    Screen(as_json=as_json).answer({"database": database}, f"{database} is up to date")
    return CLEAN
