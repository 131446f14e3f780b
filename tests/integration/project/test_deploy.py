"""The script that Compose gives to PostgreSQL, run by a real one."""

import asyncio
import subprocess
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from order_system.infra.database import Database
from tests.fixtures.databases.postgresql import SUPERUSER, PostgresServer, find_programs

SCRIPT = Path(__file__).parents[3] / "deploy" / "create-orders-database.sh"


async def test_the_orders_database_belongs_to_a_role_that_may_migrate_it(
    postgres_server: PostgresServer,
) -> None:
    programs = find_programs()
    assert programs is not None
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres_server.port),
        "POSTGRES_USER": SUPERUSER,
        "ORDERS_DB_PASSWORD": "it's 100% secret",
    }
    await asyncio.to_thread(
        subprocess.run, ["/bin/sh", SCRIPT], env=environment, check=True, capture_output=True, timeout=30
    )

    database = Database(f"postgresql+psycopg://orders:any@127.0.0.1:{postgres_server.port}/orders")
    try:
        await database.migrate()
        role = text("SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert await database.read(Connection.scalar, role) is False
        assert await database.read(Connection.scalar, text("SELECT count(*) FROM book_submissions")) == 0
    finally:
        await database.dispose()
        postgres_server.drop("orders")
