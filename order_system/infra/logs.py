"""One line for each thing that happens, with the order that it happened to and without the customer.

The standard library's loggers (Temporal's, SQLAlchemy's, ours) and structlog's meet in one formatter. Lines
from workflows come through `workflow.logger`, which is silent during replay; what they are about is taken
from the log record, so that nothing here calls into a running workflow.
"""

import asyncio
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from order_system.domain.errors import OrderSystemError
from order_system.domain.ids import RECONCILIATION
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import PIVOT, STEP_UNDONE_BY, Step
from order_system.infra.changes import CHANGES
from order_system.infra.redaction import keep_private, redact
from order_system.infra.settings import Settings
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.temporal.around import AroundActivities, CarryOut

MAX_FILE_BYTES = 10_000_000
"""Of a log file; one older file of this size is kept."""

_HANDLER = "order-system"

_STEP_OF_UNDO = {**STEP_UNDONE_BY, "void_abandoned": PIVOT}
"""Undos are activities of the order's own workflow, or of the reconciler's, whose ID names no step."""


def configure_logging(settings: Settings, *, file: Path | None = None, process: int | None = None) -> None:
    """Log to stderr from now on: JSON, or for people on a terminal. Idempotent.

    With `file`, for a process whose terminal shows something else: all lines go there, as JSON, and stderr
    gets no more than our own warnings. With `process`, for one worker process of several that share stderr:
    each line has this number. Who changed what is in `changes.log`, too, whatever the level.
    """
    _quieten_libraries()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**TELEMETRY.log_fields(), **event},
    ]
    if process is not None:
        # No context variable, as those are not passed on to the threads of libraries.
        shared.append(lambda _logger, _method, event: {"process": process, **event})
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    as_json = _formatter(shared, structlog.processors.JSONRenderer(default=str))
    to_stderr = _StderrHandler()
    handlers: dict[logging.Handler, logging.Formatter] = {to_stderr: _formatter(shared, _renderer(settings))}
    if file is not None:
        to_stderr.addFilter(
            lambda line: line.levelno >= logging.WARNING and line.name.startswith("order_system.")
        )
        to_file = RotatingFileHandler(file, maxBytes=MAX_FILE_BYTES, backupCount=1, encoding="utf-8")
        handlers[to_file] = as_json
    changes = _ChangesFile(settings.data_dir / "changes.log", encoding="utf-8", delay=True)
    _log_to(logging.getLogger(), settings.log_level, handlers)
    _log_to(logging.getLogger(CHANGES), logging.INFO, {changes: as_json})


def _quieten_libraries() -> None:
    # Temporal would repeat its details in each message; the record's extras have them already.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    # Says twice each time a database is opened that it looked at it.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # tells of each request
    # A local activity that ends as its time is up. The SDK writes this past all logs.
    warnings.filterwarnings("ignore", "Cannot find activity to cancel")


def _log_to(
    logger: logging.Logger, level: int | str, handlers: Mapping[logging.Handler, logging.Formatter]
) -> None:
    """Instead of what an earlier call has set."""
    for earlier in [handler for handler in logger.handlers if handler.name == _HANDLER]:
        logger.removeHandler(earlier)
        earlier.close()
    for handler, formatter in handlers.items():
        handler.set_name(_HANDLER)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    logger.setLevel(level)


def _formatter(shared: Sequence[Processor], renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _name_the_order,
            _expected_errors_in_one_line,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


class ActivityLogContext(AroundActivities):
    """Tells every log line of an activity which order, submission, step and attempt it belongs to."""

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        info = activity.info()
        ref = getattr(work.args[0], "submission", None) if work.args else None
        keep_private(work.args[0] if work.args else None)
        # Never unbound: an attempt has a context of its own, and Temporal's line about its failure,
        # which is logged after this returns, needs all this as well.
        structlog.contextvars.bind_contextvars(
            activity=info.activity_type,
            workflow_id=info.workflow_id,
            run_id=info.workflow_run_id,
            attempt=info.attempt,
            **TELEMETRY.log_fields(),
            **_place(info.workflow_id or "", info.activity_type),
        )
        if isinstance(ref, SubmissionRef):
            structlog.contextvars.bind_contextvars(order_id=ref.order_id, submission=ref.submission)
        return await carry_out(work)


def _place(workflow_id: str, activity_type: str = "") -> dict[str, str]:
    """`payment-ORDER-001` is the step `payment` of ORDER-001; the order's own workflow is step `order`."""
    prefix, _, order_id = workflow_id.partition("-")
    if prefix == "order":
        return {"order_id": order_id, "step": _STEP_OF_UNDO.get(activity_type, "order")}
    if prefix in tuple(Step):
        return {"order_id": order_id, "step": prefix}
    if prefix == RECONCILIATION:
        return {"step": _STEP_OF_UNDO.get(activity_type, RECONCILIATION)}
    return {}


def _name_the_order(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Flatten what Temporal's loggers add, under the names that all our lines use."""
    event.pop("__temporal_error_identifier", None)
    event.pop("temporal_log", None)  # the same as the message, of the SDK's Rust half
    ours: dict[str, Any] = {}
    for details in (event.pop("temporal_workflow", None), event.pop("temporal_activity", None)):
        if isinstance(details, dict):
            ours |= details
    if "workflow_id" in ours:
        event.setdefault("workflow_id", ours["workflow_id"])
        event.setdefault("run_id", ours.get("run_id") or ours.get("workflow_run_id"))
        event.setdefault("attempt", ours.get("attempt"))
    for name, value in _place(str(event.get("workflow_id", "")), str(ours.get("activity_type", ""))).items():
        event.setdefault(name, value)
    return event


def _expected_errors_in_one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A declined card or a busy gateway is no bug: forty lines of traceback would hide the ones that are."""
    exc_info: object = event.get("exc_info")
    error = cast("tuple[object, ...]", exc_info)[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, OrderSystemError | ApplicationError | TimeoutError | asyncio.CancelledError):
        del event["exc_info"]
        name = "" if isinstance(error, ApplicationError) and error.type else f"{type(error).__name__}: "
        event["error"] = f"{name}{error}"
    return event


def _renderer(settings: Settings) -> Processor:
    on_terminal = sys.stderr.isatty()
    if settings.log_format == "json" or (settings.log_format == "auto" and not on_terminal):
        return structlog.processors.JSONRenderer(default=str)
    # The default formatter of exceptions prints local variables, customers among them.
    return structlog.dev.ConsoleRenderer(
        colors=on_terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Looks stderr up for each line, as a live display replaces it while it owns the terminal."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _ChangesFile(WatchedFileHandler):
    """Where it cannot be written, its lines are in the log of all."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            for handler in logging.getLogger().handlers:
                handler.handle(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name
        raise  # noqa: PLE0704 - it is called where one is handled
