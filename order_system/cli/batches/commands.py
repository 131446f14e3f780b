"""`starter.py batch`: a file of orders as one workflow. `batches`: all of them, and the progress of each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.table import Column, Table
from rich.text import Text

from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles, first_profile, parse_profile
from order_system.batches.sample import sample_of
from order_system.bootstrap import open_order_system
from order_system.cli.batches.run import (
    AS_ITS_NAME_SAYS,
    FileReading,
    ended_with,
    followed,
    inspected,
    started,
)
from order_system.cli.batches.views import (
    outcome_view,
    plan_document,
    plan_view,
    problems_in_words,
    progress_table,
    read_plan,
    write_outcome,
)
from order_system.cli.help import MORE_HELP
from order_system.cli.options import CLEAN, INVALID, Before, Embedded, Since, moment
from order_system.cli.screen import PEOPLE, Screen, written_whole
from order_system.cli.session import configured, open_session, server_if_any
from order_system.cli.views import status_text
from order_system.domain import policy
from order_system.domain.batch import ENDED, BatchRequest, BatchStatus
from order_system.domain.errors import InvalidUsage
from order_system.domain.ids import batch_name_for
from order_system.domain.listing import PAGE_ROWS, BatchFilter, BatchSummary
from order_system.domain.order import Capture, Flow
from order_system.domain.order_file import FileRefused
from order_system.infra.process import STARTER
from order_system.orders.exports import every_row

batch = App(name="batch", help_epilogue=MORE_HELP)

File = Annotated[str, Parameter(help="CSV, JSON Lines or a shop's export, below ORDER_FILE_ROOTS.")]
Name = Annotated[str, Parameter(help="The batch's name; its workflow is batch-NAME.")]
Wait = Annotated[bool, Parameter(help="Show the progress until the batch has ended.")]
Window = Annotated[int, Parameter(validator=Number(gte=1, lte=policy.BATCH_WINDOW_LIMIT))]


@batch.command(help_epilogue=MORE_HELP)
async def plan(
    file: File,
    /,
    *,
    reading: FileReading = AS_ITS_NAME_SAYS,
    strict: Annotated[bool, Parameter(help="Exit with 2 if anything is wrong with the file.")] = False,
    screen: Screen = PEOPLE,
) -> int:
    """Tell what a run of the file would do. Starts nothing, needs no Temporal server."""
    settings = configured()
    ref = await inspected(file, reading, settings, screen)
    async with open_order_system(settings) as system:
        found = await read_plan(system, screen, ref)
        sample = await sample_of(system.files, ref) if found.orders else []
    screen.answer(plan_document(found), plan_view(found, sample))
    return INVALID if strict and problems_in_words(found) else CLEAN


@batch.command(help_epilogue=MORE_HELP)
async def profile(
    file: File,
    /,
    *,
    out: Annotated[str | None, Parameter(help="Write the profile to this new file.")] = None,
    screen: Screen = PEOPLE,
) -> int:
    """Guess a first profile for a file of any shop, and show an order as it would be read. Starts nothing."""
    roots = configured().file_roots
    files, text = OrderFiles(roots), await asyncio.to_thread(first_profile, file, roots)
    try:
        sample = await sample_of(files, await files.inspect(file, profile=parse_profile(text)))
    except FileRefused as refused:
        sample = [f"no order can be read yet: {refused}"]
    if out:
        with written_whole(out, is_new=True) as made:  # people edit profiles by hand
            made.write(text)
    screen.answer({"profile": text, "sample": sample, "out": out})
    if not screen.as_json:
        written = f"{out} is a first guess: check it" if out else text
        screen.say("\n# ".join([written, "An order, as it would be read:", *sample]))
    return CLEAN


@batch.command(help_epilogue=MORE_HELP)
async def run(
    file: File,
    /,
    *,
    name: Annotated[str | None, Parameter(help="The batch's name; by default the file's.")] = None,
    window: Annotated[Window, Parameter(help="Orders under way at once.")] = policy.BATCH_WINDOW,
    wait: Wait = False,
    strict: Annotated[bool, Parameter(help="Start nothing if anything is wrong with the file.")] = False,
    flow: Annotated[
        Flow | None, Parameter(help="For orders that do not say it themselves; by default ORDER_FLOW.")
    ] = None,
    capture: Annotated[
        Capture | None, Parameter(help="Likewise, when their money is taken; by default ORDER_CAPTURE.")
    ] = None,
    reading: FileReading = AS_ITS_NAME_SAYS,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    """Start a batch workflow over the file. It runs each order that is neither fulfilled nor under way."""
    settings = configured()
    ref = await inspected(file, reading, settings, screen)
    if strict:
        async with open_order_system(settings) as system:
            found = await read_plan(system, screen, ref)
        if problems := problems_in_words(found):
            raise InvalidUsage(f"nothing was started: {problems}; see {STARTER} batch plan {file}")
    name = batch_name_for(file) if name is None else name
    request = BatchRequest(name=name, file=ref, window=window, flow=flow, capture=capture)
    async with open_session(settings, screen, embedded=embedded, starts_orders=True) as session:
        new = await session.batches.start(request)
        return await started(session, request.name, new=new, wait=wait or embedded)


@batch.command(help_epilogue=MORE_HELP)
async def retry(
    name: Name, /, *, wait: Wait = False, embedded: Embedded = False, screen: Screen = PEOPLE
) -> int:
    """Run again those orders of the same file that failed, were cancelled or terminated, or never began."""
    async with open_session(configured(), screen, embedded=embedded, starts_orders=True) as session:
        new = await session.batches.retry(name)
        return await started(session, name, new=new, wait=wait or embedded)


@batch.command(help_epilogue=MORE_HELP)
async def status(
    name: Name,
    /,
    *,
    watch: Annotated[bool, Parameter(help="Go on showing it until the batch has ended.")] = False,
    screen: Screen = PEOPLE,
) -> int:
    """Show how far the batch is."""
    async with open_session(configured(), screen) as session:
        progress = await session.batches.progress(name)
        if watch and progress.status not in ENDED:
            progress = await followed(session, name)
    screen.answer(progress.model_dump(mode="json"), progress_table(progress))
    return ended_with(screen, progress)


@batch.command(help_epilogue=MORE_HELP)
async def pause(name: Name, /, *, screen: Screen = PEOPLE) -> int:
    """Start no more orders for now; those under way go on."""
    return await _told(screen, name, "pauses; orders under way go on", lambda batches: batches.pause(name))


@batch.command(help_epilogue=MORE_HELP)
async def resume(name: Name, /, *, screen: Screen = PEOPLE) -> int:
    """Go on after a pause."""
    return await _told(screen, name, "goes on", lambda batches: batches.resume(name))


@batch.command(name="window", help_epilogue=MORE_HELP)
async def set_window(
    name: Name,
    orders: Annotated[Window, Parameter(help="Orders under way at once, from now on.")],
    /,
    *,
    screen: Screen = PEOPLE,
) -> int:
    """Change how many orders of a running batch are under way at once."""
    said = f"has up to {orders} orders under way from now on"
    return await _told(screen, name, said, lambda batches: batches.set_window(name, orders))


@batch.command(help_epilogue=MORE_HELP)
async def cancel(
    name: Name,
    /,
    *,
    orders: Annotated[bool, Parameter(help="Cancel the orders under way, too.")] = False,
    screen: Screen = PEOPLE,
) -> int:
    """Start no more orders. Those under way finish."""
    said = f"starts no more orders; those under way {'are being cancelled' if orders else 'finish'}"
    return await _told(screen, name, said, lambda batches: batches.cancel(name, orders_too=orders))


@batch.command(help_epilogue=MORE_HELP)
async def outcome(
    name: Name,
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(name=("-o", "--output"), help="Write what became of every line to this CSV file."),
    ] = None,
    rejects: Annotated[
        str | None, Parameter(help="A file for the invalid lines with the reason, to be mended and run.")
    ] = None,
    screen: Screen = PEOPLE,
) -> int:
    """Tell what became of every line of the file. Needs no Temporal server."""
    async with open_order_system(configured()) as system:
        document = await write_outcome(system, screen, name, output=output, rejects=rejects)
    screen.answer(document, outcome_view(document))
    return CLEAN


async def _told(
    screen: Screen, name: str, said: str, request: Callable[[BatchClient], Awaitable[None]]
) -> int:
    """Make a request to a batch, and then print `said`, which is what the batch does now."""
    async with open_session(configured(), screen) as session:
        await request(session.batches)
    screen.answer({"name": name, "said": said}, f"{name} {said}")
    return CLEAN


async def batches(
    query: Annotated[str | None, Parameter(help="A part of the name.")] = None,
    /,
    *,
    status: Annotated[BatchStatus | None, Parameter(help="Only batches of this status.")] = None,
    since: Since = None,
    before: Before = None,
    limit: Annotated[
        int, Parameter(validator=Number(gte=1), help="Rows of the table; --json has all.")
    ] = PAGE_ROWS,
    screen: Screen = PEOPLE,
) -> int:
    wanted = BatchFilter(query, moment(since), moment(before))
    settings = configured()
    async with open_order_system(settings) as system:
        client = system.batch_client(await server_if_any(settings))
        rows = every_row(lambda cursor: client.listed(wanted, status, cursor=cursor))
        if screen.as_json:
            await screen.answer_each(rows, 0)
            return CLEAN
        shown: list[BatchSummary] = []
        async for row in rows:
            shown.append(row)
            if len(shown) == limit:
                break
    screen.show(_table(shown) if shown else Text("no batch fits"))
    return CLEAN


def _table(shown: Sequence[BatchSummary]) -> Table:
    numbers = (Column(title, no_wrap=True, justify="right") for title in ("Done", "Failed"))
    status, started_at = (Column(title, no_wrap=True) for title in ("Status", "Started, UTC"))
    columns = (Column("Batch", overflow="fold"), status, *numbers, started_at)
    table = Table(*columns, header_style="bold", box=None, pad_edge=False)
    for batch in shown:
        known = batch.progress
        table.add_row(
            batch.name,
            status_text(known.status if known else "not known"),
            f"{known.counts.ended:,} of {known.orders_expected:,}" if known else "",
            f"{known.counts.failed:,}" if known and known.counts.failed else "",
            f"{batch.started_at:%Y-%m-%d %H:%M}",
        )
    return table
