"""What `--help` teaches beyond the options, in lines of at most 79 columns."""

import textwrap
from typing import cast

from pydantic_core import PydanticUndefined

from order_system.infra.settings import PREFIX, Settings

INTRODUCTION = (
    "Fulfil orders on Temporal: submit them, watch them, cancel them, audit what became of them.\n\n"
    "Without a command, sample orders are submitted under the next free numbers and watched to their end."
)

MORE_HELP = "Examples, exit codes and environment variables: starter.py --help"

_EXAMPLES = """\
Examples
  python starter.py --embedded          server, worker and five sample orders;
                                        on a terminal Temporal's Web UI stays
                                        up until Ctrl-C, elsewhere with --keep
  python starter.py serve --embedded    pages, API and the Web UI, with the
                                        orders so far: http://127.0.0.1:8080
  python starter.py                     five sample orders, to the server and
                                        the worker that are running
  python starter.py --scenario card-declined
  python starter.py submit examples/orders.json
  cat orders.jsonl | python starter.py submit - --json
  python starter.py status ORDER-001    with --watch until it is closed
  python starter.py orders --status failed --since 24h
  python starter.py orders 1059.97      by ID, tracking number, charge, amount
                                        or e-mail
  python starter.py batches
  python starter.py attention           what waits for a person, and how to
                                        answer: take, resolve, retry, give-up,
                                        adopt
  python starter.py children batch-orders --status failed
  python starter.py reconcile
  python starter.py batch plan examples/orders.csv
  python starter.py batch run examples/orders.csv --wait

Exit codes
  0    every order that was watched came to a clean end: fulfilled, or failed
       or cancelled with everything undone; or nothing was watched
  1    something needs attention, the audit found something broken, or the
       reconciler could not settle something yet
  2    invalid input, settings or usage, and nothing was submitted; or an
       answer was refused
  3    the Temporal server cannot be reached
  4    with --strict: an order was not fulfilled
  130  stopped by Ctrl-C; the orders go on
"""

_ENVIRONMENT = """
Environment
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS...
      where the server is, as for Temporal's own tools, with the profiles of
      temporal.toml [localhost:7233, namespace default]
  TEMPORAL_DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID
      which version a worker is, and what `rollout` speaks for; unset, none
  ORDER_METRICS_PORT, ORDER_METRICS_HOST, OTEL_EXPORTER_OTLP_ENDPOINT...
      metrics and traces, as docs/telemetry.md tells; unset, there are none
"""


def _settings() -> str:
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined) else f" [{_shown(field.default)}]"
        lines.append(f"  {PREFIX}{name.upper()}")
        lines += textwrap.wrap(
            f"{field.description}{default}",
            width=79,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _shown(default: object) -> str:
    return ",".join(cast("tuple[str, ...]", default)) if isinstance(default, tuple) else str(default)


ENVIRONMENT = _ENVIRONMENT + _settings()
"""Settings are listed from their own definition, so that none is forgotten here."""

EPILOGUE = _EXAMPLES + ENVIRONMENT
