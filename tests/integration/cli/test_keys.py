"""`starter.py keys`."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.fixtures.processes.command_line import starter


def test_keys_are_made_listed_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    environment = {"ORDER_KEYS": str(file), "ORDER_DATA_DIR": str(tmp_path / "not-yet")}

    before = f"{datetime.now(UTC):%Y-%m}"
    missing = starter("keys", env=environment)
    first = starter("keys", "new", "--json", env=environment)
    later = starter("keys", "new", "2100-01", env=environment)
    listed = starter("keys", "--json", env=environment)
    people = starter("keys", env=environment)

    month = json.loads(first.out)["id"]
    assert before <= month <= f"{datetime.now(UTC):%Y-%m}", "two months, at the turn of one"
    assert (missing.code, "`python starter.py keys new` makes a key" in missing.err) == (2, True)
    assert json.loads(first.out) == {"id": month, "seals_from": f"{month}-01T00:00:00+00:00"}
    assert later.out == "key 2100-01 is there\n"
    assert [(key["id"], key["seals"]) for key in json.loads(listed.out)["keys"]] == [
        (month, True),
        ("2100-01", False),
    ]
    assert people.out.splitlines()[1] == "2100-01, from 2100-01-01 00:00 UTC"
    secrets = [line.partition(":")[2] for line in file.read_text().splitlines()]
    assert len(secrets) == 2
    assert (tmp_path / "not-yet").stat().st_mode & 0o777 == 0o700
    changes = (tmp_path / "not-yet/changes.log").read_text()
    assert [(line["did"], line["what"]) for line in map(json.loads, changes.splitlines())] == [
        ("add key", month),
        ("add key", "2100-01"),
    ]
    assert not [each for each in secrets if each in listed.out + people.out + first.out + changes]


def test_an_id_that_is_none_is_refused(tmp_path: Path) -> None:
    refused = starter("keys", "new", "a b", env={"ORDER_KEYS": str(tmp_path / "keys")})

    assert (refused.code, "no key is made" in refused.err) == (2, True)
    assert not (tmp_path / "keys").exists()


def test_keys_in_a_variable_are_made_elsewhere() -> None:
    refused = starter("keys", "new", env={"ORDER_KEYS": ""})

    assert (refused.code, "openssl rand -base64 32" in refused.err) == (2, True)
