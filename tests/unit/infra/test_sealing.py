"""The key ring, and what is sealed by it."""

import os
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from order_system.domain.errors import InvalidSettings, KeyTrouble
from order_system.infra.environment import load_own_settings
from order_system.infra.sealing.codec import SealingCodec
from order_system.infra.sealing.ring import Key, KeyFile, Keys, KeySettings, open_ring, parse
from order_system.infra.settings import PREFIX, load_settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.conversion import ModelPayloadConverter, OutermostFailures
from tests.fixtures.processes.at_once import by_processes, newest_by_month

CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"')


def a_key(key_id: str) -> str:
    return f"{key_id}:{b64encode(os.urandom(32)).decode()}"


def ring_of(*keys: str) -> Keys:
    return Keys(parse(",".join(keys)))


async def sealed_by(ring: Keys) -> Payload:
    [sealed] = await SealingCodec(ring).encode([CLEAR])
    return sealed


async def test_the_newest_seals_and_any_opens() -> None:
    old, new = a_key("old"), a_key("new")
    before = await sealed_by(ring_of(old))

    after = await sealed_by(ring_of(old, new))

    assert (before.metadata["encryption-key-id"], after.metadata["encryption-key-id"]) == (b"old", b"new")
    assert b"Ada" not in before.SerializeToString() + after.SerializeToString()
    assert await SealingCodec(ring_of(old, new)).decode([before, after, CLEAR]) == [CLEAR] * 3, (
        "and clear ones"
    )


async def test_nothing_is_sealed_twice_alike() -> None:
    ring = ring_of(a_key("one"))

    assert (await sealed_by(ring)).data != (await sealed_by(ring)).data


async def test_a_key_is_named_that_is_not_there() -> None:
    sealed = await sealed_by(ring_of(a_key("2026-10")))

    with pytest.raises(KeyTrouble, match=r"key 2026-10 .* ORDER_KEYS has no such key, or no more") as told:
        await SealingCodec(ring_of(a_key("2026-11"))).decode([sealed])
    failure = Failure()
    OutermostFailures().to_failure(told.value, ModelPayloadConverter(), failure)
    assert "key 2026-10" in failure.message, "so does the task that waits for it"


@pytest.mark.parametrize("what", ["data", "name", "another key of that ID"])
async def test_what_was_changed_is_not_opened(what: str) -> None:
    key = a_key("one")
    ring, sealed = ring_of(key, key[0:3].replace("one", "two") + a_key("")), await sealed_by(ring_of(key))
    if what == "data":
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    elif what == "name":
        ring = Keys([Key("two", ring.all()[0].secret)])
        sealed.metadata["encryption-key-id"] = b"two"
    else:
        ring = ring_of(a_key("one"))

    with pytest.raises(KeyTrouble, match="was changed, or ORDER_KEYS has another key of that ID"):
        await SealingCodec(ring).decode([sealed])


async def test_a_key_can_be_handed_out_before_its_time() -> None:
    soon = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    ring = ring_of(a_key("2026-10"), a_key(soon))

    assert (await ring.newest())[0] == "2026-10"
    assert ring.all()[0].seals_from == datetime(2026, 10, 1, tzinfo=UTC)
    assert await ring.key(soon) is not None


async def test_a_plug_in_that_fails_never_fails_a_workflow() -> None:
    class Away:
        async def newest(self) -> tuple[str, bytes]:
            raise ApplicationError("the KMS is away", non_retryable=True)

        async def key(self, key_id: str) -> bytes | None:
            raise TimeoutError

    codec = SealingCodec(Away())

    with pytest.raises(KeyTrouble, match="the KMS is away"):
        await codec.encode([CLEAR])
    with pytest.raises(KeyTrouble, match=r"key one .* TimeoutError"):
        await codec.decode([await sealed_by(ring_of(a_key("one")))])


# --- in a file ------------------------------------------------------------------------------------


async def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    here, elsewhere = KeyFile(tmp_path / "keys"), KeyFile(tmp_path / "keys")
    first = elsewhere.add("first")
    codec, before = SealingCodec(here), await sealed_by(here)

    elsewhere.add("second")
    assert (await sealed_by(here)).metadata["encryption-key-id"] == b"second"
    assert await codec.decode([before]) == [CLEAR]
    elsewhere.remove(first.id)
    with pytest.raises(KeyTrouble, match="key first"):
        await codec.decode([before])

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert [key.id for key in here.all()] == ["second"]


async def test_each_month_begins_with_a_new_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{a_key('2024-02')} # made by hand\n")
    month = f"{datetime.now(UTC):%Y-%m}"

    assert (await KeyFile(file).newest())[0] == "2024-02", "unless it is asked for"
    made = (await KeyFile(file, monthly=True).newest())[0]
    assert month <= made <= f"{datetime.now(UTC):%Y-%m}", "two months, at the turn of one"
    assert (await KeyFile(file, monthly=True).newest())[0] == made
    assert [key.id for key in parse(file.read_text())] == ["2024-02", made]
    assert KeyFile(file).add().id.startswith(f"{made}-"), "another one has a time as its ID"


async def test_a_month_that_cannot_be_written_goes_on_with_the_last_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text(a_key("2024-02"))
    (tmp_path / "keys.lock").mkdir()  # as root one may write everything else
    ring = KeyFile(file, monthly=True)

    assert [(await ring.newest())[0] for _ in range(3)] == ["2024-02"] * 3
    assert len(caplog.records) == 1


async def test_a_file_that_is_being_replaced_gets_no_other_key_for_the_month(tmp_path: Path) -> None:
    """An editor moves it away and writes it anew; `cp` empties it first."""
    file = tmp_path / "keys"
    ring = KeyFile(file, monthly=True)
    before, written = await sealed_by(ring), file.read_text()
    codec = SealingCodec(ring)

    for taken_away in (file.unlink, lambda: file.write_text("")):
        taken_away()
        with pytest.raises(KeyTrouble, match="has no key any more"):
            await sealed_by(ring)
        assert not file.exists() or not file.read_text()
        file.write_text(written)
        assert await codec.decode([before, await sealed_by(ring)]) == [CLEAR, CLEAR]
    assert file.read_text() == written


def test_of_many_processes_one_makes_the_month_s_key(tmp_path: Path) -> None:
    assert len(set(by_processes(4, newest_by_month, str(tmp_path / "keys")))) == 1


# --- the setting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2026-11:c2VjcmV0", "key 1 is not ID:KEY"),
        (f"{a_key('one')},two:hidden", "key 2 is not ID:KEY"),
        (f"{a_key('one')},{a_key('one')}", "the same ID"),
    ],
    ids=["short", "hidden", "twice"],  # keys are random, and processes must name tests alike
)
def test_a_bad_key_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    monkeypatch.setenv("ORDER_KEYS", value)

    with pytest.raises(InvalidSettings) as refused:
        load_settings()

    words = str(refused.value)
    assert words.startswith("ORDER_KEYS: ")
    assert told in words
    assert not [part for part in value.replace(",", ":").split(":")[1::2] if part in words]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("/no/such/file", "ORDER_KEYS: .*`python starter.py keys new`"),
        ("no_such_module:ring", "ORDER_KEYS: No module named 'no_such_module'"),
        ("order_system.infra.sealing.ring:nothing", "ORDER_KEYS: .*nothing"),
    ],
)
async def test_a_ring_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("ORDER_KEYS", value)

    with pytest.raises(InvalidSettings, match=told):
        await connect("127.0.0.1:1")


async def test_without_the_extra_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_KEYS", a_key("one"))
    monkeypatch.setitem(sys.modules, "order_system.infra.sealing.codec", None)

    with pytest.raises(InvalidSettings, match=r"pip install -e '\.\[crypto\]'"):
        await connect("127.0.0.1:1")


def test_a_monthly_key_needs_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORDER_KEYS_MONTHLY", "true")
    with pytest.raises(InvalidSettings, match="ORDER_KEYS_MONTHLY needs the path of a file in ORDER_KEYS"):
        load_settings()
    monkeypatch.setenv("ORDER_KEYS", str(tmp_path / "keys"))

    ring = open_ring(load_own_settings(KeySettings, PREFIX))

    assert isinstance(ring, KeyFile)
    assert len(ring.all()) == 1
