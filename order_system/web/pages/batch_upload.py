"""`/batches/new` and on: a file is uploaded, its plan is shown, and only then is it run."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, UploadFile
from starlette.responses import Response

from order_system import policy
from order_system.batch_files import FileFormat, FileRef
from order_system.batch_files.columns import parse_mapping
from order_system.batch_reports import Plan
from order_system.batches import BatchRequest
from order_system.card_numbers import holds_card_number
from order_system.errors import InvalidOrder, InvalidUsage, OrderConflict
from order_system.web.access import Operator
from order_system.web.pages.batch_plan import plan_context
from order_system.web.pages.order_rows import address
from order_system.web.pages.uploads import batch_name_of, path_of, store
from order_system.web.pages.visit import Visit, redirect
from order_system.web.services import Services

router = APIRouter(prefix="/batches")

UTF_8 = "utf-8"
FORMATS = (("", "as its name says"), *((each.value, each.value) for each in FileFormat))

Format = Annotated[str, Form(max_length=20)]
Mapping = Annotated[str, Form(max_length=5_000)]
Encoding = Annotated[str, Form(max_length=20)]


@router.get("/new")
async def ask(visit: Visit, _caller: Operator) -> Response:
    return await _form(visit, {"format": "", "mapping": "", "encoding": UTF_8})


@router.post("")
async def upload(
    visit: Visit,
    _caller: Operator,
    file: UploadFile,
    format: Format = "",  # noqa: A002  (the form's own name)
    mapping: Mapping = "",
    encoding: Encoding = UTF_8,
) -> Response:
    """Keeps the file, and leads to its plan. What cannot be read as orders is refused, and not kept."""
    given = {"format": format, "mapping": mapping, "encoding": encoding}
    path = await asyncio.to_thread(store, visit.services.settings.uploads, file.filename or "", file.file)
    try:
        await _inspected(visit.services, path.name, given)
    except (InvalidOrder, InvalidUsage) as refused:
        await asyncio.to_thread(path.unlink)
        return await _form(visit, given, refused=_without_path(refused, path.name))
    return redirect(address("/batches/plan", {"upload": path.name, **given}))


@router.get("/plan")
async def plan(
    visit: Visit,
    _caller: Operator,
    upload: Annotated[str, Query(max_length=300)],
    format: Annotated[str, Query(max_length=20)] = "",  # noqa: A002
    mapping: Annotated[str, Query(max_length=5_000)] = "",
    encoding: Annotated[str, Query(max_length=20)] = UTF_8,
) -> Response:
    """What a run would do; starts nothing. Raises InvalidUsage, FileRefused."""
    return await _plan(visit, upload, {"format": format, "mapping": mapping, "encoding": encoding})


@router.post("/run")
async def run(
    *,
    visit: Visit,
    _caller: Operator,
    upload: Annotated[str, Form(max_length=300)],
    name: Annotated[str, Form(max_length=200)],
    window: Annotated[int, Form(ge=1, le=policy.BATCH_WINDOW_LIMIT)] = policy.BATCH_WINDOW,
    format: Format = "",  # noqa: A002
    mapping: Mapping = "",
    encoding: Encoding = UTF_8,
) -> Response:
    given = {"format": format, "mapping": mapping, "encoding": encoding}
    ref = await _inspected(visit.services, upload, given)
    try:
        started = await visit.services.batches.start(BatchRequest(name=name.strip(), file=ref, window=window))
    except (OrderConflict, InvalidUsage) as refused:
        return await _plan(visit, upload, given, name=name, refused=str(refused))
    return redirect(f"/batches/{name.strip()}", "batch-started" if started else "batch-running")


async def _inspected(services: Services, upload: str, given: dict[str, str]) -> FileRef:
    """Raises FileRefused, InvalidMapping, InvalidUsage."""
    if given["format"] not in ("", *FileFormat):
        raise InvalidUsage(f"format must be one of {', '.join(FileFormat)}")
    return await services.files.inspect(
        str(path_of(services.settings.uploads, upload)),
        file_format=FileFormat(given["format"]) if given["format"] else None,
        mapping=parse_mapping(given["mapping"]) if given["mapping"] else None,
        encoding=given["encoding"],
    )


async def _plan(
    visit: Visit, upload: str, given: dict[str, str], *, name: str | None = None, refused: str | None = None
) -> Response:
    ref = await _inspected(visit.services, upload, given)
    found = await _whole_plan(visit.services, ref)
    return await visit.page(
        "batch_plan.html",
        place="/batches",
        code=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        upload=upload,
        given=given,
        name=batch_name_of(upload) if name is None else name,
        refused=refused,
        window=policy.BATCH_WINDOW,
        window_limit=policy.BATCH_WINDOW_LIMIT,
        **plan_context(found),
    )


async def _whole_plan(services: Services, ref: FileRef) -> Plan:
    last = Plan(ref)
    async for _, plan_so_far in services.batches.plan(ref):
        last = plan_so_far
    return last


async def _form(visit: Visit, given: dict[str, Any], *, refused: str | None = None) -> Response:
    return await visit.page(
        "batch_new.html",
        place="/batches",
        code=HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        # A constant of a mapping may be anything.
        given={**given, "mapping": "" if holds_card_number(given["mapping"]) else given["mapping"]},
        refused=refused,
        formats=FORMATS,
        size_limit=f"{policy.UPLOAD_BYTES // 1_000_000} MB",
    )


def _without_path(refused: Exception, name: str) -> str:
    """Where we keep the file is nobody's business: the message begins with its place."""
    _, found, rest = str(refused).partition(f"{name}: ")
    return rest if found else str(refused)
