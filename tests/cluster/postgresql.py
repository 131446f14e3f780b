"""A PostgreSQL that is killed and started again; what it has committed stays, as long as the machine lives.
And PgBouncer before it, which hands a connection on after each transaction."""

import os
import pwd
from pathlib import Path

import psycopg

from tests.cluster.needs import Programs
from tests.cluster.programs import Program
from tests.fixtures.databases.postgresql import initialise
from tests.fixtures.steering.waiting import wait_until

PORT, POOLER_PORT = 5432, 6432
SUPERUSER = "temporal"
START_SECONDS = 60
SET_BY_POOLER = "SET lock_timeout = 5000; SET jit = off"


def owner() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


class Postgresql(Program):
    def __init__(self, programs: Programs, folder: Path, address: str) -> None:
        self.address = address
        self._home = folder / "postgresql-files"
        self._home.mkdir()
        if user := owner():
            account = pwd.getpwnam(user)
            os.chown(self._home, account.pw_uid, account.pw_gid)
        initialise(programs.postgresql, self._home, owner(), SUPERUSER)
        options = {
            "listen_addresses": address,
            "port": PORT,
            "unix_socket_directories": self._home,
            "max_connections": 300,
            "fsync": "off",  # the machine is not struck, only the process
            "full_page_writes": "off",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [programs.postgresql / "postgres", "-D", self._home / "data", *words]
        super().__init__("postgresql", command, {"PATH": programs.path}, folder, cwd=self._home, user=owner())

    def start(self) -> None:
        """Answers when this returns. After a kill the remains of the last run may take a moment to go."""

        def answers() -> bool:
            if not self.is_running():
                super(Postgresql, self).start()
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                return False
            return True

        wait_until(answers, START_SECONDS, f"PostgreSQL to answer; {self.log}")

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=self.address, port=PORT, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=3
        )


def pooler(programs: Programs, folder: Path, address: str, server: str) -> Program:
    """Of the database `orders` alone."""
    home = folder / "pgbouncer"
    home.mkdir()
    (home / "pgbouncer.ini").write_text(
        f"""[databases]
orders = host={server} port={PORT} dbname=orders user=orders connect_query='{SET_BY_POOLER}'

[pgbouncer]
listen_addr = {address}
listen_port = {POOLER_PORT}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
"""
    )
    command = [programs.pgbouncer or "", home / "pgbouncer.ini"]
    environment = {"PATH": programs.path}
    if libraries := os.environ.get("LD_LIBRARY_PATH"):
        environment["LD_LIBRARY_PATH"] = libraries
    return Program("pgbouncer", command, environment, folder, user=owner())
