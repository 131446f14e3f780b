"""What `--help` teaches beyond the options."""

from pydantic_core import PydanticUndefined

from order_system.settings import PREFIX, Settings

INTRODUCTION = """Fulfil orders on Temporal: submit them, watch them, cancel them, and audit what became of \
them.

Without a command, five sample orders are submitted under the next free numbers and watched to their end."""

_EXAMPLES = """\
Examples
  python starter.py --embedded                    everything in one command: server, worker, five orders
  python starter.py --embedded --keep             ... and leave the Web UI up until Ctrl-C
  python starter.py --scenario card-declined      one order that plays a story; `scenarios` lists them
  python starter.py submit examples/orders.json   your own orders, to the server and worker that run
  cat orders.jsonl | python starter.py submit - --json
  python starter.py status ORDER-001
  python starter.py cancel ORDER-001
  python starter.py audit

Exit codes
  0   every order that was watched came to a clean end: fulfilled, or failed or cancelled and fully undone
  1   an order needs attention, or the audit found something broken
  2   invalid input, settings or usage; nothing was submitted
  3   the Temporal server cannot be reached
  4   with --strict: an order was not fulfilled
  130 stopped by Ctrl-C; the orders go on

Environment
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS..., TEMPORAL_PROFILE
      where the server is, as for Temporal's own tools, temporal.toml included [localhost:7233, default]
"""


def _environment() -> str:
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined) else f" [{field.default}]"
        lines += [f"  {PREFIX}{name.upper()}", f"      {field.description}{default}"]
    return "\n".join(lines)


EPILOGUE = _EXAMPLES + _environment()
"""The settings are listed from their own definition, so that none is forgotten here."""
