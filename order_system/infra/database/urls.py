"""The URL of a database, as a person may write it."""

from pathlib import Path

from sqlalchemy import URL, exc, make_url

DRIVERS = ("sqlite", "postgresql+psycopg")
PREPARE = "prepare_threshold"
"""What a URL may say to psycopg besides libpq's own words: `none`, so that no statement is prepared."""


def checked(text: str) -> str:
    """With an absolute path, if it names a file. Raises ValueError."""
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise ValueError("not a SQLAlchemy URL") from None
    if url.drivername not in DRIVERS:
        raise ValueError(f"the driver {url.drivername!r} is neither {' nor '.join(DRIVERS)}")
    if url.query.get(PREPARE, "none") != "none":
        raise ValueError(f"its {PREPARE} may be `none` alone")
    if url.drivername == "sqlite" and (not url.database or ":memory:" in url.database):
        raise ValueError("it names no file, and each thread would have a database in memory of its own")
    if url.drivername == "sqlite" and url.database and not url.database.startswith("file:"):
        return str(url.set(database=str(Path(url.database).absolute())))
    return text


def of_file(file: Path) -> str:
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)
