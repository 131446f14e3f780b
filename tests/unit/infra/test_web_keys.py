"""Keys as hashes, with a last day: the setting has no secret that somebody who reads it could use."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from order_system.infra.web_keys import Role, holder_of, new_key, parse_keys
from order_system.web.guards.access import Access
from tests.fixtures.processes.command_line import starter

DAY = timedelta(days=1)


def test_a_key_that_is_made_opens_until_its_last_day_is_over_and_its_sessions_end_with_it() -> None:
    secret, entry = new_key(Role.OPERATOR, "ada", date(2027, 1, 31))
    assert secret not in entry
    keys = parse_keys(entry)
    assert (keys[0].name, keys[0].role, keys[0].plain) == ("ada", "operator", False)
    assert holder_of(secret, keys) == keys[0]
    assert holder_of(entry.partition(":")[2], keys) is None, "the hash itself opens nothing"

    clock = [datetime(2027, 1, 31, 23, 59, tzinfo=UTC)]
    access = Access(keys, lambda: clock[0])
    cookie = access.sign_in(secret)
    assert cookie
    assert access.signed_in(cookie) == keys[0]
    clock[0] += timedelta(minutes=1)
    assert access.signed_in(cookie) is None
    assert access.sign_in(secret) is None
    assert access.expired(secret) == "this key was good until 2027-01-31: ask for a new one"
    assert access.expired("a-guess") is None
    assert not access.is_open, "without a usable key it is closed, and not for everybody on this machine"


def test_the_command_prints_a_secret_once_and_what_the_setting_is_to_have(tmp_path: Path) -> None:
    env = {"ORDER_DATA_DIR": str(tmp_path / "none")}
    before = datetime.now(UTC)
    made = starter("web-key", "viewer", "--name", "ben", "--days", "1", "--json", env=env).document
    [key] = parse_keys(made["entry"])
    assert holder_of(made["secret"], [key]) == key
    assert (before + DAY).date() <= key.last_day <= (datetime.now(UTC) + DAY).date()
    refused = starter("web-key", "viewer", "--name", "a b", env=env)
    assert (refused.code, refused.out) == (2, "")
    assert "--name a b: letters, digits" in refused.err
