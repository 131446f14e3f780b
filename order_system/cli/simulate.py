"""`starter.py simulate`: the simulated outside world over HTTP, for whoever has set `ORDER_PAYMENTS=http`."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from order_system.bootstrap import open_order_system
from order_system.cli.ending import until_interrupted
from order_system.cli.help import text_of
from order_system.cli.options import CLEAN
from order_system.cli.screen import Screen
from order_system.cli.serve import check_extra, listening, url_of
from order_system.cli.session import configured
from order_system.domain.errors import InvalidUsage
from order_system.gateways.loading import Port
from order_system.infra.settings import PREFIX, SIMULATED, load_settings

_SECRET = f"{PREFIX}SIMULATE_SECRET"


simulate = App(name="simulate", help_epilogue=text_of("simulate"))


@simulate.default
async def serve_world(
    *,
    host: Annotated[str, Parameter(help="The address to bind to; loopback, unless given.")] = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65_535), help="8090, unless given.")] = 8090,
    secret: Annotated[
        str | None,
        Parameter(env_var=_SECRET, help="What requests must be signed with. An option shows in `ps`."),
    ] = None,
) -> int:
    check_extra("simulate")
    from order_system.gateways.http.server import create_app  # noqa: PLC0415 - of the extra
    from order_system.web.guards.access import is_loopback  # noqa: PLC0415
    from order_system.web.serving import serving  # noqa: PLC0415

    if not secret and not is_loopback(host):
        raise InvalidUsage(f"without {_SECRET} only loopback is served, and {host} is elsewhere")
    world = configured().data_dir / "world"
    settings = load_settings(data_dir=world, database_url=None, **dict.fromkeys(Port, SIMULATED))
    with listening(host, port) as listener:
        async with open_order_system(settings) as system, serving(create_app(system.world, secret), listener):
            whom = "signed requests" if secret else "this machine alone"
            Screen(as_json=False).say(f"simulated gateways at {url_of(listener)}, for {whom}")
            await until_interrupted()
    return CLEAN
