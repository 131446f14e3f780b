"""The texts of `--help` besides the options, in lines of at most 79 columns."""

import re
import textwrap
from pathlib import Path
from typing import cast

from pydantic_core import PydanticUndefined

from order_system.infra.process import PROGRAM
from order_system.infra.settings import PREFIX, Settings

INTRODUCTION = (
    "Fulfil orders on Temporal: submit them, watch them, cancel them, audit what became of them.\n\n"
    "Without a command, sample orders are submitted under the next free numbers and watched to their end."
)

_TEXTS = Path(__file__).with_name("texts")

MORE_HELP = f"Examples, exit codes and environment variables: {PROGRAM} --help"

_ANSWERING = ("resolve", "retry", "give-up")


def text_of(*names: str) -> str:
    """Join the texts of `texts/<name>.txt`, one below the other."""
    text = "\n\n".join((_TEXTS / f"{name}.txt").read_text("utf-8").rstrip("\n") for name in names)
    return re.sub(r"(python )?starter\.py", PROGRAM, text) if PROGRAM != "starter.py" else text


def epilogue_of(command: str) -> str:
    """Return the end of a command's `--help`: its own text, if it has one."""
    texts = [command, "answering"] if command in _ANSWERING else [command]
    return text_of(*texts) if (_TEXTS / f"{command}.txt").exists() else MORE_HELP


def _settings() -> str:
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        value = cast("tuple[str, ...] | str | int | None", field.default)
        shown = ",".join(value) if isinstance(value, tuple) else value
        default = "" if value in (None, PydanticUndefined) else f" [{shown}]"
        lines.append(f"  {PREFIX}{name.upper()}")
        lines += textwrap.wrap(
            f"{field.description}{default}",
            width=79,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


ENVIRONMENT = f"\n\n{text_of('environment')}\n{_settings()}"
"""The settings are listed from their definition, so that none is missing here."""

EPILOGUE = text_of("starter") + ENVIRONMENT
