"""Finds and opens the gateways that the settings name. `docs/gateways.md` explains how to add your own.

A name is one of BUILT_IN, or an entry point of the group ENTRY_POINTS, or `module:factory`. The first two
name a module with one factory for each port that it serves. A factory has the name of its port: `payments`.

A factory returns an async context manager, which opens the gateway and closes it. The type of each parameter
says what the factory gets: a pydantic model is read from the environment (`ORDER_PAYMENTS_...`), `Database`
is our database, and `Settings` are all our settings."""

import inspect
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, reduce
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, NamedTuple

import structlog
from pydantic import BaseModel

from order_system.domain import gateways
from order_system.domain.errors import InvalidSettings, OrderSystemError
from order_system.gateways.measured import Measured
from order_system.infra.database import Database
from order_system.infra.environment import load_own_settings
from order_system.infra.process import installing
from order_system.infra.redaction import without_secrets
from order_system.infra.settings import PREFIX, SIMULATED, Settings
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.temporal.connection import sdk_runtime

ENTRY_POINTS = "order_system.gateways"
Factory = Callable[..., Any]

log = structlog.stdlib.get_logger(__name__)


class Port(StrEnum):
    """A port, by the name of its setting in lower case and without the prefix."""

    PAYMENTS = "payments"
    WAREHOUSE = "warehouse"
    CARRIER = "carrier"
    MAILER = "mailer"
    STATEMENT = "statement"

    @property
    def variable(self) -> str:
        return f"{PREFIX}{self.upper()}"


class BuiltIn(NamedTuple):
    place: str
    needs: tuple[str, ...] = ()
    """The modules that its extra installs. The extra has the name of the gateway."""
    ports: tuple[Port, ...] = tuple(Port)


BUILT_IN = {
    SIMULATED: BuiltIn("order_system.gateways.simulated.world"),
    "http": BuiltIn("order_system.gateways.http.client", ("httpx",)),
    "stripe": BuiltIn(
        "order_system.gateways.stripe.payments", ("stripe", "httpx"), (Port.PAYMENTS, Port.STATEMENT)
    ),
    "smtp": BuiltIn("order_system.gateways.smtp.mailer", ("aiosmtplib", "jinja2"), (Port.MAILER,)),
}

PROTOCOLS: dict[Port, type] = {
    Port.PAYMENTS: gateways.PaymentGateway,
    Port.WAREHOUSE: gateways.Warehouse,
    Port.CARRIER: gateways.Carrier,
    Port.MAILER: gateways.Mailer,
    Port.STATEMENT: gateways.StatementOfAccounts,
}

OPTIONAL: dict[Port, tuple[type, ...]] = {
    Port.PAYMENTS: (
        *(gateways.PaymentsElsewhere, gateways.CapturesLater),
        *(gateways.TakesOver, gateways.RefundsParts),
    ),
    Port.MAILER: (gateways.DetailedMailer,),
}
"""What a gateway may also offer: all methods of such a Protocol, or none."""


def methods_of(protocol: type) -> list[str]:
    return [each for each in vars(protocol) if not each.startswith("_")]


@dataclass(frozen=True)
class Gateways:
    """The outside world, opened."""

    payments: gateways.PaymentGateway
    warehouse: gateways.Warehouse
    carrier: gateways.Carrier
    mailer: gateways.Mailer
    accounts: gateways.StatementOfAccounts | None

    async def statement(self) -> gateways.Statement:
        """Return what the gateways say happened. Raises OrderSystemError if no statement can be had."""
        if self.accounts is None:
            raise OrderSystemError(
                f"nothing here tells what your gateways have done: set {Port.STATEMENT.variable} to a "
                "factory that asks them (docs/gateways.md)"
            )
        return await self.accounts.statement()

    async def forget(self, order_id: str) -> None:
        """Make the simulated world forget the order's customer. A real provider must be asked by a person."""
        if forget := getattr(self.accounts, "forget", None):
            await forget(order_id)


def chosen(settings: Settings) -> dict[Port, str]:
    """Return the name of each port's gateway. The statement of accounts defaults to the simulated one, but
    only if every gateway is simulated: it knows nothing of other gateways."""
    named = {port: name for port in Port if (name := getattr(settings, port))}
    if not not_simulated(named):
        named.setdefault(Port.STATEMENT, SIMULATED)
    return named


def not_simulated(named: dict[Port, str]) -> list[str]:
    """Return the gateways that are not simulated, each as a person would set it: `ORDER_PAYMENTS=stripe`."""
    return [f"{port.variable}={name}" for port, name in named.items() if name != SIMULATED]


@asynccontextmanager
async def open_gateways(settings: Settings, database: Database) -> AsyncGenerator[Gateways]:
    """Open the gateways for the block. Raises InvalidSettings: one line that names the variable and the cure.
    An error while a gateway closes is logged, and does not change how the block ends."""
    async with AsyncExitStack() as opened:
        by_port: dict[Port, Any] = dict.fromkeys(Port)
        for port, name in chosen(settings).items():
            factory = find_factory(port, name)
            given = list[Any]()
            with _as_invalid_settings(port, name, given):
                given += [_given(port, each, settings, database) for each in _parameters(port, factory)]
                opening = factory(*given)
                if not hasattr(opening, "__aenter__"):
                    if inspect.iscoroutine(opening):
                        opening.close()
                    raise InvalidSettings(f"{port.variable}={name}: put @asynccontextmanager on its factory")
                by_port[port] = await opening.__aenter__()
            opened.push_async_exit(partial(_close, port, name, given, opening))
            _check(port, name, by_port[port])
        if TELEMETRY.is_on:
            meter = sdk_runtime().metric_meter
            by_port |= {port: Measured(port, each, meter) for port, each in by_port.items() if each}
        yield Gateways(*by_port.values())  # in the order of Port


async def _close(port: Port, name: str, given: Sequence[object], opening: Any, *why: Any) -> None:
    """Close a gateway. `why` tells how the block ends, as for `__aexit__`; a gateway cannot change that."""
    _kind, error, _trace = why
    try:
        await opening.__aexit__(*why)
    except (CancelledError, GeneratorExit):
        raise
    except BaseException as failure:
        if failure is not error:
            log.warning(_cannot_be("closed", port, name, failure, given))


def names_of(port: Port) -> dict[str, str]:
    """Return the built-in and the installed gateways of a port, each with the command that installs what it
    still needs; the command is empty if nothing is missing. No built-in gateway is imported."""
    names: dict[str, str] = {}
    for each in entry_points(group=ENTRY_POINTS):
        with suppress(InvalidSettings):
            find_factory(port, each.name)
            names[each.name] = ""
    for name, (_, needs, ports) in BUILT_IN.items():
        if port in ports:
            names[name] = "" if all(map(find_spec, needs)) else installing(name)
    return dict(sorted(names.items()))


def find_factory(port: Port, name: str) -> Factory:
    """Return the factory of that name for the port. Raises InvalidSettings."""
    if (built_in := BUILT_IN.get(name)) and port in built_in.ports:
        place = built_in.place
    else:  # only then, since all that is installed is looked through for this
        own = name if ":" in name else None
        place = next((each.value for each in entry_points(group=ENTRY_POINTS, name=name)), own)
    if place is None:
        there_are = ", ".join(names_of(port))
        raise InvalidSettings(
            f"{port.variable}={name}: there is no gateway of that name, but {there_are}. "
            "Install the package that brings it, or name its factory as module:factory."
        )
    module, _, attribute = place.partition(":")
    with _as_invalid_settings(port, name):
        found: Any = import_module(module)
    factory = reduce(lambda there, part: getattr(there, part, None), (attribute or port).split("."), found)
    if not callable(factory):
        raise InvalidSettings(
            f"{port.variable}={name}: {place} has no factory for the {port}: name a function there that has "
            "@asynccontextmanager, and yields one (docs/gateways.md)"
        )
    return factory


@contextmanager
def _as_invalid_settings(port: Port, name: str, given: Sequence[object] = ()) -> Generator[None]:
    """Raise any error in a gateway's code as InvalidSettings: one line, without the secrets it was given."""
    try:
        yield
    except (OrderSystemError, CancelledError, GeneratorExit):
        raise
    except ModuleNotFoundError as failure:
        own = "install the package, or what else it needs"
        cure = f"install its extra: {installing(name)}" if name in BUILT_IN else own
        missing = f"{port.variable}={name}: there is no module {failure.name}: {cure}"
        raise InvalidSettings(missing) from failure
    except BaseException as failure:  # SystemExit, too: no gateway ends the program
        raise InvalidSettings(_cannot_be("opened", port, name, failure, given)) from failure


def _cannot_be(what: str, port: Port, name: str, failure: BaseException, given: Sequence[object]) -> str:
    told = " ".join(f"{type(failure).__name__}: {failure}".split())
    for model in given:
        told = without_secrets(told, vars(model).values() if isinstance(model, BaseModel) else ())
    return f"{port.variable}={name}: it cannot be {what}: {told}"


def _parameters(port: Port, factory: Factory) -> list[type]:
    try:
        return [each.annotation for each in inspect.signature(factory, eval_str=True).parameters.values()]
    except (TypeError, ValueError, NameError) as failure:
        raise InvalidSettings(f"{port.variable}: what its factory takes is not told: {failure}") from failure


def own_settings(port: Port, factory: Factory) -> list[type[BaseModel]]:
    """Return the parameters of the factory that are read from the environment."""
    return [
        each
        for each in _parameters(port, factory)
        if inspect.isclass(each) and issubclass(each, BaseModel) and each is not Settings
    ]


def _given(port: Port, wanted: type, settings: Settings, database: Database) -> Any:
    name = inspect.formatannotation(wanted)
    if wanted is inspect.Parameter.empty:
        untold = "its factory does not say of which type each parameter is: write `settings: OurSettings`"
        raise InvalidSettings(f"{port.variable}: {untold}")
    ours = {Database: database, Settings: settings}
    if wanted in ours:
        return ours[wanted]
    if inspect.isclass(wanted) and issubclass(wanted, BaseModel):
        return load_own_settings(wanted, f"{port.variable}_")
    raise InvalidSettings(
        f"{port.variable}: its factory takes {name}: make that a field of a "
        "model; it may take a pydantic model, Database and Settings"
    )


def _check(port: Port, name: str, gateway: object) -> None:
    """Raise InvalidSettings unless it has all methods of its port, and of each Protocol that it begins to
    offer: a `void` that cannot be called would be found out when a customer's money is held."""
    optional = OPTIONAL.get(port, ())
    offered = {each for each in optional if any(hasattr(gateway, method) for method in methods_of(each))}
    if gateways.TakesOver in offered:
        offered.add(gateways.CapturesLater)
    for protocol in (PROTOCOLS[port], *(each for each in optional if each in offered)):
        _check_methods(f"{port.variable}={name}", protocol, gateway)


def _check_methods(setting: str, protocol: type, gateway: object) -> None:
    methods, kind = methods_of(protocol), type(gateway).__name__
    if missing := [each for each in methods if not callable(getattr(gateway, each, None))]:
        wanted = f"which {protocol.__name__} in order_system/domain/gateways.py asks for"
        raise InvalidSettings(f"{setting}: a {kind} has no {', '.join(missing)}, {wanted}")
    for each in methods:
        method = getattr(gateway, each)
        is_bare = inspect.ismethod(method) and not hasattr(method, "__wrapped__")  # a decorator may await
        if is_bare and not inspect.iscoroutinefunction(method):
            cure = f"make it `async def {each}`; if it hands on another async call, `return await` that"
            raise InvalidSettings(f"{setting}: {each} of a {kind} is not awaited: {cure}")
        _, *given = inspect.signature(getattr(protocol, each)).parameters.values()
        named = {one.name: None for one in given if one.kind is one.KEYWORD_ONLY}
        plain = [one.name for one in given if one.name not in named]
        try:
            # Its own signature: a decorator may pass more to the function that it wraps.
            inspect.signature(method, follow_wrapped=False).bind(*plain, **named)
        except ValueError:
            continue  # it has no signature to check
        except TypeError as failure:
            called_as = ", ".join([*plain, *(f"{one}=..." for one in named)])
            does_not_fit = f"{each} of a {kind} does not fit ({failure})"
            raise InvalidSettings(f"{setting}: {does_not_fit}: it is called as {each}({called_as})") from None
