"""The commands of `starter.py`. A command's module is loaded only when it runs, which makes `--help` fast."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError, UnusedCliTokensError
from cyclopts.help import format_usage

from order_system import __version__
from order_system.cli.ending import run_to_exit_code
from order_system.cli.help import EPILOGUE, INTRODUCTION, MORE_HELP, epilogue_of
from order_system.cli.options import CLEAN, Embedded, Json, Strict
from order_system.domain.errors import InvalidUsage
from order_system.infra.process import PROGRAM

app = App(
    name=PROGRAM,
    help=INTRODUCTION,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative="", show_default=False),
)


@app.default
async def samples(
    *,
    embedded: Embedded = False,
    keep: Annotated[
        bool | None,
        Parameter(
            negative="--no-keep",
            help="With --embedded: keep server and Web UI up until Ctrl-C, or end at once. "
            "Default: keep them up on a terminal only.",
        ),
    ] = None,
    scenario: Annotated[
        str | None, Parameter(help="Submit one order that plays this story; `scenarios` lists them.")
    ] = None,
    strict: Strict = False,
    as_json: Json = False,
) -> int:
    """Submit sample orders under the next free numbers and watch them."""
    from order_system.cli.orders.samples import run_samples  # noqa: PLC0415 - as all commands

    return await run_samples(embedded=embedded, keep=keep, scenario=scenario, strict=strict, as_json=as_json)


_COMMANDS = {
    "orders.submit:submit": "Submit your own orders and watch them. Safe to repeat: nobody is charged twice.",
    "orders.status:status": "Show parent and children: state, attempts, how long each took, what was undone.",
    "orders.status:cancel": "Ask for a cancel and wait for what comes of it: undone, or too late, say.",
    "orders.submit:schema": "Print the JSON Schema of what `submit` takes.",
    "orders.samples:scenarios": "List the stories that `--scenario` plays.",
    "orders.listing:orders": "List orders, and find them. Needs no Temporal server; one that runs tells what "
    "waits for a person.",
    "orders.children:children": "List the child workflows of a batch or an order.",
    "orders.forget:forget": "Delete what tells of the customers of closed orders.",
    "batches.commands:batches": "List batches, the newest first, each once with its newest run.",
    "attention.listing:attention": "List what waits for a person, with the commands that answer it.",
    "attention.answers:take": "Take on what these orders wait for, so that others know who is on it.",
    "attention.answers:resolve": "Answer an undo that is stuck: try it again now, or say that it was handled "
    "by hand.",
    "attention.answers:retry": "Run the failed step of a held order once more, and only that step.",
    "attention.answers:give_up": "Undo a held order now, before its hold runs out.",
    "attention.answers:refund": "Give money of a fulfilled order back to its customer: a part of it, or all.",
    "attention.answers:adopt": "Take over the orders that a server which is gone for good has left open.",
    "reconcile:reconcile": "Settle now what no workflow is at work on any more: orders whose workflow was "
    "terminated or deleted.",
    "keys:web_key": "Make a key for pages and API: a secret, shown once, and its hash for ORDER_WEB_KEYS.",
    "book:audit": "Compare the order book with the outside world, and with the Temporal server if one "
    "answers.",
    "book:migrate": "Create the database's tables, or bring them up to date.",
    "serve:serve": "Serve pages and API until Ctrl-C.",
    "serve:simulate": "Serve the simulated gateways over HTTP until Ctrl-C.",
}
_GROUPS = {
    "batches.commands:batch": "Fulfil a whole file of orders. Safe to run again: what is done is skipped, "
    "what failed runs again.",
    "gateways:gateways": "Show which payment gateway, warehouse, carrier and mailer are in place, and what "
    "each needs.",
    "webhooks:webhooks": "Events for a receiver of yours: try it out, and send again what it has not taken.",
    "keys:keys": "List the keys that seal what the Temporal server holds; make and destroy them.",
    "rollouts:rollout": "Check whether a new build of the workers may go on; move to it what waits.",
}
"""The groups of commands: each is an App of its own."""
for place, words in _COMMANDS.items():
    name = place.partition(":")[2].replace("_", "-")
    app.command(f"order_system.cli.{place}", help=words, help_epilogue=epilogue_of(name))
for place, words in _GROUPS.items():
    app.command(f"order_system.cli.{place}", help=words)
if PROGRAM == "starter.py" and find_spec("examples"):  # an installed package has none
    app.command(
        "examples.compare:compare",
        help="Run the monolith and this design on the same orders with the same faults.",
        help_epilogue=MORE_HELP,
    )


@app.command(help_epilogue=MORE_HELP)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what makes your shell complete commands and options, after the name
    that you call this by: with `alias starter="python starter.py"`, that is
    `source <(starter completion bash)`."""
    print(app.generate_completion(prog_name=Path(sys.argv[0]).stem, shell=shell))  # noqa: T201 - a script


def _in_plain_words(misuse: CycloptsError) -> str:
    """Return a clear message. Cyclopts has none for words that `samples` gets where a command was meant."""
    tokens, chain = misuse.unused_tokens or [], misuse.command_chain or ()
    if isinstance(misuse, UnknownCommandError) and tokens[0].startswith("-"):
        return "Options come after the command."
    if not isinstance(misuse, UnusedCliTokensError):
        return str(misuse)
    if chain:
        return f"{' '.join(chain)} does not take {' '.join(tokens)!r}."
    if tokens[0] in app:
        return f"Options come after the command: {PROGRAM} {tokens[0]} ... and then the options."
    if tokens[0] == "compare":
        return "compare needs the folder `examples`: run starter.py in a clone."
    # By the names alone: to suggest one, cyclopts would load every command.
    names = sorted(name for name in app if not name.startswith("-"))
    near = get_close_matches(tokens[0].lower(), names, n=1, cutoff=0.7)
    if not near and any(map(str.isdigit, tokens[0])):  # most order IDs have a digit
        near = [f"status {tokens[0]}"]
    suggestion = f'Did you mean "{near[0]}"?' if near else f"Available commands: {', '.join(names)}."
    return f'Unknown command "{tokens[0]}". {suggestion}'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code and never raises."""
    return run_to_exit_code(lambda: run_command(arguments))


async def run_command(arguments: Sequence[str] | None) -> int:
    """Run one command. Raises what the command raises, and InvalidUsage."""
    try:
        code: Any = await app.run_async(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as misuse:
        # In one line, as every other mistake, and not in a box.
        chain = misuse.command_chain or ()
        usage = f" Usage: {format_usage(app, chain).plain.strip()}. " if chain else " "
        more = f"See {' '.join((app.name[0], *chain))} --help."
        raise InvalidUsage(f"{_in_plain_words(misuse)}{usage}{more}") from None
    return CLEAN if code is None else int(code)  # --help returns nothing
