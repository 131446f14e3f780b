"""A bad setting is told in one line: which variable, what is wrong, and the cure."""

from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from order_system.domain import policy
from order_system.domain.errors import InvalidSettings
from order_system.domain.steps import Step
from order_system.gateways.http.client import HttpSettings
from order_system.gateways.smtp.mailer import SmtpSettings
from order_system.gateways.stripe.payments import StripeSettings
from order_system.infra.environment import load_own_settings
from order_system.infra.settings import load_settings
from order_system.infra.telemetry.process import Telemetry
from order_system.infra.web_keys import holder_of


def test_without_any_variable_everything_is_on_this_machine() -> None:
    settings = load_settings()

    assert settings.data_dir == Path.cwd() / ".data"
    assert settings.database == f"sqlite:///{Path.cwd()}/.data/orders.db"
    assert settings.task_queue is None, "each book has one of its own"
    assert settings.faults == "default"


def test_variables_are_read_and_overrides_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ORDER_LOG_LEVEL", "debug")
    monkeypatch.setenv("ORDER_FAULT_SEED", "7")

    settings = load_settings(fault_seed=8)

    assert settings.database == f"sqlite:///{tmp_path}/orders.db"
    assert settings.log_level == "DEBUG"
    assert settings.fault_seed == 8


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and CI systems hand on unset variables as empty ones."""
    monkeypatch.setenv("ORDER_DATABASE_URL", "")

    assert load_settings().database_url is None


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("ORDER_LATENCY_MIN", "soon", "the seconds that a simulated call lasts at least"),
        ("ORDER_LATENCY_MAX", "-1", "the seconds that a simulated call lasts at most"),
        ("ORDER_LATENCY_MAX", "nan", "the seconds that a simulated call lasts at most"),
        ("ORDER_FAULT_SEED", "1.5", "a whole number"),
        ("ORDER_LOG_FORMAT", "xml", "it must be 'auto', 'json' or 'console'. Unset it for the default."),
        ("ORDER_FLOW", "x", "ORDER_FLOW=x: it must be 'sequential' or 'parallel'. Unset it for the default."),
        ("ORDER_STRICT_STOCK", "perhaps", "true or false"),
        ("ORDER_DATABASE_URL", "not a url", "a SQLAlchemy URL, e.g."),
        ("ORDER_DATABASE_URL", "postgresql://ada:secret@db/orders", "postgresql+psycopg://"),
        ("ORDER_DATABASE_URL", "sqlite://", "it names no file"),
        ("ORDER_DATABASE_URL", "sqlite:///:memory:", "it names no file"),
        ("ORDER_DATABASE_URL", "postgresql+psycopg://h/d?prepare_threshold=5", "may be `none` alone"),
        ("ORDER_DATABASE_URL", "postgresql+psycopg://h/d?pool=0", "its pool is a number from 1 to 999"),
        ("ORDER_PAYMENT", "mine:pay", "Did you mean ORDER_PAYMENTS?"),
        ("ORDER_KEY", "keys", "Did you mean ORDER_KEYS?"),
    ],
)
def test_a_bad_value_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, cure: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettings) as told:
        load_settings()

    message = str(told.value)
    assert message.startswith(name)
    assert cure in message
    assert "\n" not in message
    assert "secret" not in message


def test_a_gateways_own_short_setting_is_not_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS_N", "7")
    assert load_settings().payments == "simulated"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("often", "often"),
        ("0", "0"),
        ("payment=10001", "10001"),
        ("paymnt=3", "paymnt"),
        ("shipping=3, 40", "40"),
        ("payment=0, paymnt=3", "0"),
    ],
)
def test_a_bad_patience_is_told_once(monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    monkeypatch.setenv("ORDER_PATIENCE", value)

    with pytest.raises(InvalidSettings) as refused:
        load_settings()

    message = str(refused.value)
    assert message.startswith(
        f"ORDER_PATIENCE: '{told}' is not understood. Expected: how many attempts (1 to 10000) may reach"
    )
    assert message.count("ORDER_PATIENCE") == 1
    assert "Input" not in message


class OfATeam(BaseModel):
    tokens: dict[str, SecretStr]
    places: dict[str, int] = {}


def test_a_part_of_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_CARRIER_TOKENS", '{"a": ["s3cret"]}')
    monkeypatch.setenv("ORDER_CARRIER_PLACES", '{"a": "none"}')
    with pytest.raises(InvalidSettings) as told:
        load_own_settings(OfATeam, "ORDER_CARRIER_")
    assert str(told.value) == (
        "ORDER_CARRIER_TOKENS: a part is not understood. "
        "ORDER_CARRIER_PLACES: 'none' is not understood. Unset it for the default."
    )


def test_patience_is_of_all_steps_or_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_PATIENCE", "7")
    assert load_settings().attempts == dict.fromkeys(Step, 7)
    monkeypatch.setenv("ORDER_PATIENCE", "payment=9, shipping = 2")
    assert load_settings(carrier="own:factory").attempts == {
        Step.PAYMENT: 9,
        Step.INVENTORY: policy.DEMO_PATIENCE[Step.INVENTORY],
        Step.SHIPPING: 2,
        Step.NOTIFICATION: policy.DEMO_PATIENCE[Step.NOTIFICATION],
    }
    monkeypatch.delenv("ORDER_PATIENCE")
    assert load_settings(carrier="own:factory").attempts[Step.SHIPPING] == policy.PATIENCE[Step.SHIPPING]


def test_latencies_the_wrong_way_round_name_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_LATENCY_MIN", "2")

    with pytest.raises(InvalidSettings, match=r"ORDER_LATENCY_MIN=2.0 is above ORDER_LATENCY_MAX=0.3"):
        load_settings()


def test_a_password_is_not_in_the_settings_text() -> None:
    settings = load_settings(database_url="postgresql+psycopg://ada:secret@db/orders")

    assert "secret" not in repr(settings)


KEYS = "viewer:a-secret-of-sixteen, operator@ada:another-secret-of-it"


def test_keys_are_read_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_WEB_KEYS", KEYS)

    keys = load_settings().web_keys

    assert keys is not None
    assert [(key.role.value, key.name) for key in keys] == [("viewer", "viewer"), ("operator", "ada")]
    for shown in (repr(load_settings()), str(keys), load_settings().model_dump_json(exclude={"web_keys"})):
        assert "secret-of" not in shown
    assert holder_of("another-secret-of-it", keys) == keys[1]
    assert [holder_of(secret, keys) for secret in ("", "another", "ANOTHER-SECRET-OF-IT", "\ud800")] == [
        None
    ] * 4


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("viewer", "key 1 is not role:secret"),
        ("admin:a-secret-of-sixteen", "a role that is viewer or operator"),
        ("viewer:short-secret", "the secret of key 1 has fewer than 16"),
        ("viewer:a-secret-of-sixteen,operator:a-secret-of-sixteen", "two keys have the same secret"),
        ("viewer@a b:a-secret-of-sixteen", "key 1 is not role:secret"),
        ("viewer:a secret of sixteen", "key 1 is not role:secret"),
        (" , ", "names no key"),
        ("viewer:sha256:c0ffee", "the hash of key 1 is not sha256: and 64 of 0-9 and a-f, or @ and a day"),
        (f"viewer:sha256:{64 * 'a'}@2027-02-30", "the hash of key 1 is not sha256:"),
    ],
)
def test_bad_keys_are_told_without_repeating_them(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("ORDER_WEB_KEYS", value)

    with pytest.raises(InvalidSettings) as refused:
        load_settings()

    assert str(refused.value).startswith("ORDER_WEB_KEYS: ")
    assert told in str(refused.value)
    assert "secret-of" not in str(refused.value)
    assert "operator@NAME:SECRET" in str(refused.value)


@pytest.mark.parametrize("secret", [None, "whsec_c2hvcnQ=", "whsec_" + 12 * "a*b*", "x" * 200])
def test_a_receiver_of_webhooks_needs_a_good_secret_and_neither_is_repeated(
    monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    monkeypatch.setenv("ORDER_WEBHOOKS_URL", "https://ada:hidden@example.com/hidden")
    if secret is not None:
        monkeypatch.setenv("ORDER_WEBHOOKS_SECRET", secret)

    with pytest.raises(InvalidSettings) as told:
        load_settings()

    assert "ORDER_WEBHOOKS_SECRET" in str(told.value)
    assert "hidden" not in str(told.value)
    assert secret is None or secret not in str(told.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://pay.example:99999", "invalid port number"),
        ("http://[::1/", "invalid IPv6 address"),
        ("http://pay..example", "invalid host"),
        ("http:///hooks", "it is not understood"),
        ("http://pay.example/a hook", "it is not understood"),
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_in_one_line_that_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("ORDER_WEBHOOKS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    for name in ("ORDER_WEBHOOKS_URL", "ORDER_UI_URL"):
        monkeypatch.setenv(name, url)
        with pytest.raises(InvalidSettings) as refused:
            load_settings()
        given = "" if name == "ORDER_WEBHOOKS_URL" else f"={url}"
        assert str(refused.value).startswith(f"{name}{given}: {reason}. Expected: ")
        monkeypatch.delenv(name)
    for model, needed in ((HttpSettings, {}), (StripeSettings, {"ORDER_PAYMENTS_API_KEY": "sk_1"})):
        for name, value in ({"ORDER_PAYMENTS_URL": url} | needed).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(InvalidSettings, match=rf"^ORDER_PAYMENTS_URL=.*: {reason}. Expected: "):
            load_own_settings(model, "ORDER_PAYMENTS_")
    for name, value in {"HOST": "mail.example", "SENDER": "a@shop.example", "PORT": "99999"}.items():
        monkeypatch.setenv(f"ORDER_MAILER_{name}", value)
    with pytest.raises(
        InvalidSettings, match=r"^ORDER_MAILER_PORT=99999: it must be less than or equal to 65535"
    ):
        load_own_settings(SmtpSettings, "ORDER_MAILER_")


@pytest.mark.parametrize("of", ["", "METRICS_", "TRACES_"])
def test_a_collector_that_cannot_be_reached_at_such_a_url_is_refused(
    monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{of}ENDPOINT", "http://collector:99999")
    with pytest.raises(InvalidSettings, match=rf"^OTEL_EXPORTER_OTLP_{of}ENDPOINT: invalid port number$"):
        Telemetry().turn_on("order-worker", number=1)


def test_a_receiver_of_webhooks_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_WEBHOOKS_URL", "https://example.com/hidden")
    monkeypatch.setenv("ORDER_WEBHOOKS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert not {"hidden", "MfKQ9r8G"} & set(repr(load_settings()).replace("/", "'").split("'"))
    monkeypatch.setenv("ORDER_WEBHOOKS_URL", "ftp://example.com/hidden")
    with pytest.raises(InvalidSettings) as told:
        load_settings()
    assert "hidden" not in str(told.value)
