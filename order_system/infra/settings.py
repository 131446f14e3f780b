"""All settings, read from `ORDER_...` variables. The SDK itself reads how to connect to Temporal, as
Temporal's own tools do (`temporal/connection.py`)."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from order_system.domain.order import Capture, FirstAttempts, Flow
from order_system.domain.steps import Step
from order_system.domain.wording import DURATION_PATTERN
from order_system.infra import policy
from order_system.infra.environment import WebUrl, check_spelling, explained
from order_system.infra.links import ProviderLinks
from order_system.infra.sealing.ring import KeySettings
from order_system.infra.web_keys import WebKey, parse_keys

PREFIX = "ORDER_"
SIMULATED = "simulated"
"""The name of the built-in gateways, which are used until you name your own."""

InCapitals = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
AsKeys = BeforeValidator(lambda value: parse_keys(value) if isinstance(value, str) else value)
_A_GATEWAY = (
    "`simulated`, or another name that `starter.py gateways` lists, or your own factory as module:factory"
)

_SIGNING_KEY = re.compile(r"(whsec_)?[A-Za-z0-9+/]{32,86}={0,2}", re.ASCII)
_SIGNS = "`whsec_` and 24 to 64 random bytes in base64"

_ANSWERED_BY: dict[Step, tuple[str, ...]] = {
    Step.PAYMENT: ("payments",),
    Step.INVENTORY: ("warehouse",),
    Step.SHIPPING: ("carrier", "warehouse"),  # the warehouse commits the stock
    Step.NOTIFICATION: ("mailer",),
}
"""The settings that name the gateways of each step."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Attempts = Annotated[int, Field(ge=1, le=policy.PATIENCE_LIMIT)]


class Settings(BaseSettings, ProviderLinks, KeySettings):  # pyright: ignore[reportIncompatibleVariableOverride]
    """One field for each variable: `data_dir` is ORDER_DATA_DIR. Error messages quote the descriptions."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    data_dir: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        Path(".data"),
        validate_default=True,
        description="a folder for the SQLite files and the embedded Temporal server, within the working "
        "directory unless it begins with /",
    )
    database_url: str | None = Field(
        None, repr=False, description="a SQLAlchemy URL, e.g. postgresql+psycopg://user:password@host/orders"
    )
    email_key: str | None = Field(
        None, min_length=16, repr=False, description="a secret to hash e-mails by; unless set, the book's own"
    )
    task_queue: str | None = Field(
        None,
        min_length=1,
        max_length=980,  # the server takes 1,000, and the name of a step may follow
        description="the name of the task queue that workers and clients share; unless set, "
        "order-fulfillment- and the beginning of the order book's ID",
    )
    queues_by_step: bool = Field(
        False,
        description="true or false (whether the activities of each step have a task queue of their own)",
    )
    payments: str = Field(SIMULATED, description=f"a payment gateway: {_A_GATEWAY}")
    warehouse: str = Field(SIMULATED, description=f"a warehouse: {_A_GATEWAY}")
    carrier: str = Field(SIMULATED, description=f"a carrier: {_A_GATEWAY}")
    mailer: str = Field(SIMULATED, description=f"a mailer: {_A_GATEWAY}")
    statement: str | None = Field(
        None, description="what tells the audit all that your gateways did: a name or module:factory"
    )
    faults: str = Field("default", description="`none`, `default`, or the path of a file with fault rates")
    fault_seed: int = Field(3, description="a whole number (the same one replays the same faults)")
    patience: Annotated[dict[Step, Attempts] | None, NoDecode] = Field(
        None,
        description=f"how many attempts (1 to {policy.PATIENCE_LIMIT}) may reach a gateway before its step "
        "has failed, e.g. 40, or payment=40,inventory=6,shipping=6,notification=6, or some of these; by "
        "default 6 for a simulated gateway, and for your own what rides out a quarter of an hour",
    )
    flow: Flow | None = Field(
        None,
        description="sequential (the default) or parallel: in which order the steps run of orders, and of "
        "batches, that do not say themselves",
    )
    capture: Capture | None = Field(
        None, description="at_once (the default) or on_dispatch: when the money of such orders is taken"
    )
    first_attempts: FirstAttempts | None = Field(
        None, description="regular (the default) or local: the activities of first attempts at effects"
    )
    latency_min: Seconds = Field(0.2, description="the seconds that a simulated call lasts at least")
    latency_max: Seconds = Field(0.3, description="the seconds that a simulated call lasts at most, e.g. 0.3")
    strict_stock: bool = Field(
        False, description="true or false (whether the simulated warehouse refuses unknown SKUs)"
    )
    strict_payments: bool = Field(
        False,
        description="true or false (whether the simulated payment gateway refuses an unknown reference of an "
        "order that is paid already)",
    )
    file_roots: Annotated[tuple[str, ...], NoDecode] = Field(
        (".",),
        description="folders and object store URLs, separated by commas, below which order files are read",
    )
    reconcile_every: int = Field(
        60, ge=0, le=86_400, description="the seconds between two runs of the reconciler; 0 for none"
    )
    forget_after: str | None = Field(
        None,
        pattern=f"^{DURATION_PATTERN}$",
        description="how long an order is closed when it is forgotten, e.g. 400d; unset, none is",
    )
    ui_url: WebUrl = Field(
        "http://localhost:8233",
        description="where Temporal's Web UI is, for links, e.g. http://localhost:8233",
    )
    web_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="the address that `serve` binds to; without ORDER_WEB_KEYS a loopback one",
    )
    web_port: int = Field(8080, ge=0, le=65_535, description="the port of `serve`; 0 for any that is free")
    web_keys: Annotated[tuple[WebKey, ...] | None, NoDecode, AsKeys] = Field(
        None,
        repr=False,
        description="keys for pages and API, separated by commas, as `starter.py web-key` makes them, or "
        "viewer:SECRET, operator:SECRET or operator@NAME:SECRET; without any, `serve` answers on loopback "
        "alone, and to everybody there",
    )
    webhooks_url: WebUrl | None = Field(
        None,
        repr=False,
        description="where workers post signed events, e.g. https://example.com/hooks",
    )
    webhooks_secret: SecretStr | None = Field(
        None, repr=False, description=f"what signs those events: {_SIGNS}"
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], InCapitals] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console or auto (console on a terminal, else json)"
    )

    @field_validator("database_url")
    @classmethod
    def _known_driver(cls, value: str | None) -> str | None:
        from order_system.infra.database.engines import checked  # noqa: PLC0415 - `--help` need not wait for SQL

        return None if value is None else checked(value)

    @field_validator("file_roots", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        roots = tuple(root for part in value.split(",") if (root := part.strip()))
        if not roots:
            raise ValueError("names no folder")
        return roots

    @field_validator("patience", mode="before")
    @classmethod
    def _patience_of_each(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if "=" not in value:
            return dict.fromkeys(Step, value)
        parts = (part.partition("=") for part in value.split(","))
        return {step.strip(): attempts for step, _, attempts in parts}

    @model_validator(mode="after")
    def _latencies_in_order(self) -> Self:
        if self.latency_min > self.latency_max:
            raise ValueError(
                f"{PREFIX}LATENCY_MIN={self.latency_min} is above {PREFIX}LATENCY_MAX={self.latency_max}: "
                "set both, or neither for the defaults"
            )
        return self

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        secret = self.webhooks_secret.get_secret_value() if self.webhooks_secret else ""
        if self.webhooks_url and _SIGNING_KEY.fullmatch(secret) is None:
            raise ValueError(f"ORDER_WEBHOOKS_URL needs ORDER_WEBHOOKS_SECRET, {_SIGNS}")
        return self

    @property
    def attempts(self) -> dict[Step, int]:
        """How many attempts may reach each step's gateways before the step has failed."""
        from order_system.domain.policy import DEMO_PATIENCE, PATIENCE  # noqa: PLC0415 - loads the SDK

        def unless_set(step: Step) -> int:
            simulated = all(getattr(self, port) == SIMULATED for port in _ANSWERED_BY[step])
            return (DEMO_PATIENCE if simulated else PATIENCE)[step]

        return {step: unless_set(step) for step in Step} | (self.patience or {})

    @property
    def book_folder(self) -> Path | None:
        """The folder of the order book's SQLite file and of `worker.lock`; None for another database."""
        return self.data_dir if self.database_url is None else None

    @property
    def uploads(self) -> Path:
        """The folder where `serve` puts the files that are uploaded to it."""
        return self.data_dir / "uploads"

    @property
    def readable_roots(self) -> tuple[str, ...]:
        """The folders below which batches read files: first the uploads, whose folder may be a hidden one."""
        return (str(self.uploads), *self.file_roots)

    @property
    def database(self) -> str:
        """The URL to open, password included: `database_url`, or else a SQLite file in `data_dir`."""
        from order_system.infra.database.engines import of_file  # noqa: PLC0415

        return self.database_url or of_file(self.data_dir / "orders.db")


def load_settings(**overrides: Any) -> Settings:
    """Read the environment's settings; `overrides` (by field name) win, as command line options do.

    Raises InvalidSettings with one line that names the variable, what is wrong with it, and the cure."""
    check_spelling(Settings, PREFIX)
    try:
        return Settings(**overrides)
    except ValidationError as invalid:
        raise explained(invalid, Settings, PREFIX) from None
