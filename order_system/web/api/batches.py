"""`/api/batches`: upload, list, read and download files of orders, and act on a batch."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from order_system.batches.files import ENCODINGS
from order_system.domain import policy
from order_system.domain.batch import BatchRequest, BatchStatus
from order_system.domain.errors import AnswerRefused, UnknownBatch
from order_system.domain.listing import PAGE_ROWS, BatchFilter, BatchOrder, BatchSummary, LineStatus, Page
from order_system.domain.order import Capture, Flow
from order_system.domain.order_file import FileChanged, FileFormat, FileRefused
from order_system.domain.search import LONGEST
from order_system.web import examples, patterns
from order_system.web.api.parameters import BatchName, Cursor, Limit, Linked, Moment, media_type
from order_system.web.documents import batches as documents
from order_system.web.downloads import CSV, JSON_LINES, attached, begun, outcome_csv
from order_system.web.guards.access import Operator, operator
from order_system.web.problems import UnsupportedMediaType, described
from order_system.web.services import Given, Services
from order_system.web.uploads import Uploads, inspected, planned, reading_of

router = APIRouter(prefix="/api/batches", tags=["Batches"])

_FORMATS = {CSV: FileFormat.CSV, JSON_LINES: FileFormat.JSONL}
_FILE = {
    "required": True,
    "description": "The file as it is.",
    "content": {CSV: examples.text("csv_file"), JSON_LINES: examples.text("json_lines_file")},
}
_HANDLING = "For orders that do not say it themselves."


@router.post(
    "",
    **described(
        "Upload a file of orders, and run it",
        "Under way.",
        "batch_started",
        [408, 409, 413, 415, 502],
        status_code=202,
        also={200: examples.answer("With `dry_run`: the plan.", "plan", model=documents.PlanDocument)},
    ),
    response_model=documents.BatchStarted,
    openapi_extra={"requestBody": _FILE},
)
async def upload(  # noqa: PLR0917 - FastAPI's parameters are named
    request: Request,
    services: Given,
    _caller: Operator,
    name: Annotated[
        str, Query(pattern=patterns.BATCH_NAME, description="The batch's name.", examples=[examples.BATCH])
    ],
    dry_run: Annotated[bool, Query(description="Tell what a run would do. Start and keep nothing.")] = False,
    window: Annotated[
        int, Query(ge=1, le=policy.BATCH_WINDOW_LIMIT, description="Orders under way at once.")
    ] = policy.BATCH_WINDOW,
    flow: Annotated[Flow | None, Query(description=f"{_HANDLING} By default ORDER_FLOW.")] = None,
    capture: Annotated[Capture | None, Query(description=f"{_HANDLING} By default ORDER_CAPTURE.")] = None,
    shopify: Annotated[bool, Query(description="The CSV is a Shopify orders export.")] = False,
    mapping: Annotated[
        str | None,
        Query(
            alias="map",
            max_length=2_000,
            description="Columns and constants of a CSV whose columns have other names than ours.",
            examples=["order_id=orderID,sku=productID,currency==USD"],
        ),
    ] = None,
    profile: Annotated[
        str | None,
        Query(
            max_length=8_000,
            description="What the columns mean: the name of a built-in profile, or the TOML of one.",
            examples=["woocommerce"],
        ),
    ] = None,
    encoding: Annotated[
        str | None, Query(max_length=40, description=f"By default utf-8. One of {', '.join(ENCODINGS)}.")
    ] = None,
) -> Response:
    """Runs the orders of the file. Invalid rows never stop the rest. The same file may be run again: then
    fulfilled orders are skipped, and failed orders run again."""
    if (kind := _FORMATS.get(media_type(request))) is None:
        raise UnsupportedMediaType(f"send the file as {CSV} or {JSON_LINES}")
    file_format = FileFormat.SHOPIFY if shopify else kind
    reading = reading_of(file_format, mapping, profile, encoding)
    received = Uploads(services.settings.uploads).received(name, request.stream(), file_format)
    async with received as file:
        ref = await inspected(services, file.path, name, reading)
        if dry_run:
            document = documents.plan_document(name, await planned(services, ref))
            return JSONResponse(document.model_dump(mode="json"))
        await services.batches.check_free(name, file.sha256)
        ref = ref.model_copy(update={"url": str(await file.keep())})
    new = await services.batches.start(
        BatchRequest(name=name, file=ref, window=window, flow=flow, capture=capture)
    )
    batch = documents.batch_started(name, new=new)
    return JSONResponse(batch.model_dump(mode="json"), 202, {"Location": batch.location})


@router.get("", **described("List batches", "A page, newest first.", "batches", [502]))
async def list_batches(  # noqa: PLR0917 - FastAPI's parameters are named
    services: Given,
    linked: Linked,
    q: Annotated[str | None, Query(max_length=LONGEST, description="A part of the name.")] = None,
    status: Annotated[BatchStatus | None, Query(description="Only batches of this status.")] = None,
    started_since: Moment = None,
    started_before: Moment = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ROWS,
) -> Page[BatchSummary]:
    """Lists each batch once, with its newest run. `progress` is null if it cannot be had soon. With
    `status` a page may hold fewer rows than `limit` although there are more: `next` tells."""
    wanted = BatchFilter(q, started_since, started_before)
    return linked(await services.batches.listed(wanted, status, cursor=cursor, limit=limit))


@router.get("/{name}", **described("Read a batch", "How far it is.", "batch", [404, 502]))
async def read(name: BatchName, services: Given) -> documents.BatchDocument:
    """Tells how many orders and rows have which status, the pace, and how long it will take. The batch's
    workflow answers. If no worker runs, or Temporal has forgotten the workflow, the order book answers."""
    return await documents.read_batch(services, name)


@router.get(
    "/{name}/orders", **described("List a batch's orders", "A page, by order ID.", "batch_orders", [404, 502])
)
async def list_orders(  # noqa: PLR0917 - FastAPI's parameters are named
    name: BatchName,
    services: Given,
    linked: Linked,
    status: Annotated[LineStatus | None, Query(description="Only orders of this status.")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ROWS,
) -> Page[BatchOrder]:
    """Lists the orders of its file as they stand now, no matter which batch ran them: also those that this
    one skipped. A page may hold fewer rows than `limit` although there are more: `next` tells."""
    return linked(await services.lists.batch_orders(name, status, cursor=cursor, limit=limit))


_OUTCOME, _WRITTEN = {CSV: examples.text("outcome_csv")}, "CSV, sent while it is written."


@router.get(
    "/{name}/outcome.csv",
    response_class=StreamingResponse,
    **described("Download what became of each line", _WRITTEN, _OUTCOME, [404, 409]),
)
async def outcome(name: BatchName, services: Given) -> StreamingResponse:
    """Tells of each order its workflow, status, failed step, reason and time, and of each rejected line the
    reason. No spreadsheet runs a cell of it. 409 if the file is gone or has changed."""
    return await _downloaded(services, name, "outcome")


@router.get(
    "/{name}/rejects.csv",
    response_class=StreamingResponse,
    **described(
        "Download the invalid lines, to be mended and run",
        "CSV; of a file of JSON Lines, JSON Lines. Sent while it is written.",
        {CSV: examples.text("rejects_csv"), JSON_LINES: examples.text("rejects_json_lines")},
        [404, 409],
    ),
)
async def rejects(name: BatchName, services: Given, _caller: Operator) -> StreamingResponse:
    """Returns the lines as they were, with a column `reject_reason`; of a file of JSON Lines, the documents.
    Only for operators, since a line may hold what it was refused for, such as a card number."""
    return await _downloaded(services, name, "rejects")


async def _downloaded(
    services: Services, name: str, what: Literal["outcome", "rejects"]
) -> StreamingResponse:
    """Begin the download. Raises FileChanged if the batch's file has changed; the error hides its path."""
    try:
        written = await begun(outcome_csv(services, name, rejects=what == "rejects"))
    except FileRefused:
        raise FileChanged(
            f"the file of batch {name} is no longer there as it was: restore it, or run it as another batch"
        ) from None
    source = (await services.batches.record(name)).request.file
    if what == "rejects" and source.format is FileFormat.JSONL:
        return attached(written, f"{name}-{what}.jsonl", JSON_LINES)
    return attached(written, f"{name}-{what}.csv", CSV)


actions = APIRouter(prefix="/api/batches/{name}", tags=["Batches"], dependencies=[Depends(operator)])

_PROBLEMS = (404, 409, 413, 502)
_TOLD = ("The batch was told. How far it is now.", "batch", _PROBLEMS)

Steering = Literal["pause", "resume", "cancel"]


@actions.post("/pause", **described("Pause a batch", *_TOLD))
async def pause(name: BatchName, services: Given) -> documents.BatchDocument:
    """The batch starts no more orders for now. Those under way go on. Safe to repeat."""
    await steer(services, name, "pause")
    return await documents.read_batch(services, name)


@actions.post("/resume", **described("Resume a batch", *_TOLD))
async def resume(name: BatchName, services: Given) -> documents.BatchDocument:
    """The batch goes on after a pause. Safe to repeat."""
    await steer(services, name, "resume")
    return await documents.read_batch(services, name)


@actions.post("/cancel", **described("Cancel a batch", *_TOLD))
async def cancel(
    name: BatchName,
    services: Given,
    orders: Annotated[bool, Query(description="Cancel the orders under way, too.")] = False,
) -> documents.BatchDocument:
    """The batch starts no more orders. Those under way finish, unless they are cancelled as well."""
    await steer(services, name, "cancel", orders_too=orders)
    return await documents.read_batch(services, name)


async def steer(services: Services, name: str, how: Steering, *, orders_too: bool = False) -> None:
    """Pause, resume or cancel a batch. Raises UnknownBatch, and AnswerRefused for one that has ended."""
    batches = services.batches
    cancel = partial(batches.cancel, orders_too=orders_too)
    ways = {"pause": batches.pause, "resume": batches.resume, "cancel": cancel}
    try:
        await ways[how](name)
    except UnknownBatch:
        await batches.record(name)
        raise AnswerRefused(f"batch {name} has ended: nothing can be done about it but a retry") from None


@actions.post(
    "/retry", **described("Retry what failed", "Under way.", "batch_started", _PROBLEMS, status_code=202)
)
async def retry(name: BatchName, services: Given, response: Response) -> documents.BatchStarted:
    """Runs only those orders of the same file that failed, were cancelled or terminated, or never began."""
    batch = documents.batch_started(name, new=await services.batches.retry(name))
    response.headers["Location"] = batch.location
    return batch
