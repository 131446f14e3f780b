"""`/new-batch` and the pages after it: upload a file, look at its plan, and only then run it."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from order_system.batches.files import COLUMNS, ENCODINGS, HowToRead, built_in_profiles
from order_system.batches.reports import A_RUN_WILL, STARTED
from order_system.batches.sample import sample_of
from order_system.domain import policy as domain_policy
from order_system.domain.batch import BatchRequest
from order_system.domain.card_numbers import holds_card_number
from order_system.domain.errors import InvalidOrder, InvalidUsage, OrderConflict
from order_system.domain.ids import batch_name_for
from order_system.domain.order import Capture, Flow, Handling
from order_system.domain.order_file import FileFormat, FileRef
from order_system.web import policy
from order_system.web.guards.access import Operator
from order_system.web.pages.visit import Visit, address, redirect
from order_system.web.services import Services
from order_system.web.uploads import WRITTEN_AT_ONCE, Uploads, inspected, planned, reading_of

router = APIRouter()

MOST_SHOWN = 20
"""The most problems, conflicts and left out orders that a plan shows."""


class Asked(BaseModel):
    """The batch that a file is for, and how to read the file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(default="", max_length=200)
    format: FileFormat = FileFormat.CSV
    mapping: str = Field(default="", max_length=2_000)
    profile: str = Field(default="", max_length=4_000)
    """The name of a built-in profile, or a profile's TOML."""
    encoding: str = Field(default="", max_length=40)

    @property
    def reading(self) -> HowToRead:
        """How to read the file. Raises InvalidUsage."""
        return reading_of(self.format, self.mapping, self.profile, self.encoding)


class Uploaded(Asked):
    sha256: str = Field(max_length=64)

    async def file(self, services: Services) -> FileRef:
        """Inspect the file that was kept. Raises InvalidUsage, FileRefused."""
        path = Uploads(services.settings.uploads).path_of(self.name, self.sha256, self.format)
        return await inspected(services, path, self.name, self.reading)


class ToRun(Uploaded):
    window: int = Field(default=domain_policy.BATCH_WINDOW, ge=1, le=domain_policy.BATCH_WINDOW_LIMIT)
    flow: Flow | Literal[""] = ""
    capture: Capture | Literal[""] = ""
    """If blank, ORDER_FLOW and ORDER_CAPTURE decide."""


class Sent(Asked):
    file: UploadFile


@router.get("/new-batch")
async def ask(visit: Visit, _caller: Operator) -> Response:
    return await _form(visit, Asked())


@router.post("/batches")
async def upload(visit: Visit, _caller: Operator, sent: Annotated[Sent, Form()]) -> Response:
    """Keep the file, and lead to its plan. A file that cannot be read as orders is refused, and not kept."""
    name = sent.name.strip() or batch_name_for((sent.file.filename or "").replace("\\", "/"))
    asked = Asked.model_validate({**sent.model_dump(exclude={"file"}), "name": name})
    try:
        reading, uploads = asked.reading, Uploads(visit.services.settings.uploads)
        async with uploads.received(name, _chunks(sent.file), asked.format) as file:
            await inspected(visit.services, file.path, name, reading)
            await file.keep()
    except (InvalidOrder, InvalidUsage) as refused:
        return await _form(visit, asked, refused=str(refused))
    return redirect(address("/new-batch/plan", {**asked.model_dump(mode="json"), "sha256": file.sha256}))


@router.get("/new-batch/plan")
async def plan(visit: Visit, _caller: Operator, uploaded: Annotated[Uploaded, Query()]) -> Response:
    """Show what a run would do; start nothing. Raises InvalidUsage, FileRefused, UploadFailed."""
    return await _plan(visit, uploaded)


@router.post("/batches/run")
async def run(visit: Visit, _caller: Operator, to_run: Annotated[ToRun, Form()]) -> Response:
    """Run the batch. Raises as `plan`."""
    services, name, ref = visit.services, to_run.name, await to_run.file(visit.services)
    try:
        handling = Handling(flow=to_run.flow or None, capture=to_run.capture or None)
        request = BatchRequest(name=name, file=ref, window=to_run.window).with_defaults(handling)
        new = await services.batches.start(request)
    except OrderConflict as refused:
        return await _plan(visit, to_run, refused=str(refused))
    return redirect(f"/batches/{name}", "batch-started" if new else "batch-running")


async def _plan(visit: Visit, uploaded: Uploaded, *, refused: str | None = None) -> Response:
    found = await planned(visit.services, ref := await uploaded.file(visit.services))
    numbers = found.numbers()
    return await visit.page(
        "batch_plan.html",
        place="/batches",
        code=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        uploaded=uploaded,
        refused=refused,
        sample=await sample_of(visit.services.files, ref),
        window=domain_policy.BATCH_WINDOW,
        window_limit=domain_policy.BATCH_WINDOW_LIMIT,
        flows=list(Flow),
        captures=list(Capture),
        plan=found,
        lines=[(name, number, A_RUN_WILL[name]) for name, number in numbers.items()],
        startable=sum(numbers.get(status, 0) for status in (*STARTED, "open")),
        most=MOST_SHOWN,
    )


async def _form(visit: Visit, asked: Asked, *, refused: str | None = None) -> Response:
    # A person may type a card number into a wrong field, or into a mapping as a constant.
    shown = {name: "" if holds_card_number(text) else text for name, text in asked.model_dump().items()}
    return await visit.page(
        "batch_new.html",
        place="/batches",
        code=HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        asked=shown,
        refused=refused,
        profiles=built_in_profiles(),
        encodings=("", *ENCODINGS),
        columns=[(name, required) for name, (_, required, _) in COLUMNS.items()],
        size_limit=f"{policy.UPLOAD_BYTES // 1_000_000} MB",
    )


async def _chunks(file: UploadFile) -> AsyncGenerator[bytes]:
    while chunk := await file.read(WRITTEN_AT_ONCE):
        yield chunk
