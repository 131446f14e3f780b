"""`starter.py serve`: pages and API. Server and worker run elsewhere or, with `--embedded`, here.
`starter.py simulate`: the simulated outside world over HTTP, for use with `ORDER_PAYMENTS=http`."""

import contextlib
import socket
from collections.abc import Generator
from typing import Annotated

import structlog
from cyclopts import Parameter
from cyclopts.validators import Number

from order_system.bootstrap import open_order_system
from order_system.cli.ending import until_interrupted
from order_system.cli.options import CLEAN, Embedded
from order_system.cli.screen import PEOPLE
from order_system.cli.session import configured, open_session
from order_system.domain.errors import InvalidSettings, InvalidUsage
from order_system.gateways.loading import Port
from order_system.infra.process import STARTER, load_extra
from order_system.infra.settings import PREFIX, SIMULATED, load_settings
from order_system.infra.web_keys import is_loopback

log = structlog.stdlib.get_logger(__name__)

_SECRET = f"{PREFIX}SIMULATE_SECRET"


async def serve(
    *,
    host: Annotated[str | None, Parameter(help="The address to bind to, instead of ORDER_WEB_HOST.")] = None,
    port: Annotated[
        int | None,
        Parameter(validator=Number(gte=0, lte=65_535), help="Instead of ORDER_WEB_PORT; 0: any free one."),
    ] = None,
    embedded: Embedded = False,
) -> int:
    web = load_extra("order_system.web.app", "web", "`serve` is asked for")
    settings, screen = configured(lives_long=True), PEOPLE
    host = settings.web_host if host is None else host
    if settings.web_keys is None and not is_loopback(host):
        raise InvalidSettings(
            f"without keys pages and API answer on loopback alone, and {host} is elsewhere: "
            "set ORDER_WEB_KEYS, or leave --host and ORDER_WEB_HOST out"
        )
    with listening(host, settings.web_port if port is None else port) as listener:
        settings = settings.model_copy(update={"web_port": listener.getsockname()[1]})
        async with open_session(settings, screen, embedded=embedded, starts_orders=True) as session:
            if any(key.plain for key in settings.web_keys or ()):
                log.info(
                    f"ORDER_WEB_KEYS has secrets in plain text: `{STARTER} web-key` makes entries without"
                )
            system, temporal = session.system, session.temporal
            # An embedded worker watches already.
            watching = contextlib.nullcontext() if session.embedded else system.watching(temporal)
            async with web.serving_pages(system, temporal, session.ui_url, listener), watching:
                alone = "for this machine alone: without ORDER_WEB_KEYS everybody on it is an operator"
                whom = alone if settings.web_keys is None else "with a key of ORDER_WEB_KEYS"
                screen.say(f"pages and API at {url_of(listener)}, {whom}")
                await until_interrupted()
    return CLEAN


@contextlib.contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """Bind before anything else is opened, so that a port in use shows at once. Raises InvalidUsage."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as failure:
        why = getattr(failure, "strerror", None) or "no name looks like that"
        raise InvalidUsage(f"{host} is no address to bind to: {why}; see --host") from None
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()  # early connections wait until all is open, and are not refused
        except OSError as failure:
            raise InvalidUsage(f"{host}:{port} cannot be bound: {failure.strerror}; see --port") from None
        yield listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


async def simulate(
    *,
    host: Annotated[str, Parameter(help="The address to bind to; loopback, unless given.")] = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65_535), help="8090, unless given.")] = 8090,
    secret: Annotated[
        str | None,
        Parameter(env_var=_SECRET, help="What requests must be signed with. An option shows in `ps`."),
    ] = None,
) -> int:
    because = "`simulate` is asked for"
    web = load_extra("order_system.web.serving", "web", because)
    gateways = load_extra("order_system.gateways.http.server", "web", because)
    if not secret and not is_loopback(host):
        raise InvalidUsage(f"without {_SECRET} only loopback is served, and {host} is elsewhere")
    world = configured().data_dir / "world"
    settings = load_settings(data_dir=world, database_url=None, **dict.fromkeys(Port, SIMULATED))
    with listening(host, port) as listener:
        async with (
            open_order_system(settings) as system,
            web.serving(gateways.create_app(system.world, secret), listener),
        ):
            whom = "signed requests" if secret else "this machine alone"
            PEOPLE.say(f"simulated gateways at {url_of(listener)}, for {whom}")
            await until_interrupted()
    return CLEAN
