"""Sets up the log: each line names the order that it is about, and never the customer.

The standard library's loggers (Temporal's, SQLAlchemy's, ours) and structlog's share one formatter. Lines
from workflows come through `workflow.logger`, which is silent during replay. Their order is taken from the
log record, so that nothing here calls into a running workflow."""

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
"""The size of a log file; one older file of this size is kept."""

_HANDLER = "order-system"

_STEP_OF_UNDO = {**STEP_UNDONE_BY, "void_abandoned": PIVOT}
"""The step of each undo: undos run in the order's own workflow or the reconciler's, whose ID has no step."""


def configure_logging(
    settings: Settings, *, file: logging.Handler | None = None, process: int | None = None
) -> None:
    """Log to stderr from now on: as JSON, or for people on a terminal. Idempotent.

    `file` is for a process whose terminal shows something else: all lines go to that `log_file`, as JSON, and
    stderr gets only our own warnings. `process` is for one of several worker processes that share stderr:
    each line has this number. Lines about changes also go to `changes.log`, whatever the level."""
    _quieten_libraries()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**TELEMETRY.log_fields(), **event},
    ]
    if process is not None:
        # Not a context variable, as those do not reach the threads of libraries.
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
        handlers[file] = as_json
    changes = _ChangesFile(settings.data_dir / "changes.log", encoding="utf-8", delay=True)
    _log_to(logging.getLogger(), settings.log_level, handlers)
    _log_to(logging.getLogger(CHANGES), logging.INFO, {changes: as_json})


def log_file(path: Path, *, is_first: bool = True) -> logging.Handler:
    """Return what writes to a log file. Only the first of several processes begins a new one when it is full,
    and the others follow: two that did so would throw away each other's lines."""
    if is_first:
        return RotatingFileHandler(path, maxBytes=MAX_FILE_BYTES, backupCount=1, encoding="utf-8")
    return WatchedFileHandler(path, encoding="utf-8")


def _quieten_libraries() -> None:
    # Temporal would repeat its details in each message; the record's extras have them already.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    # It logs two lines each time a database is opened.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each request
    # The SDK warns about a local activity that ends when its time is up, and not by a logger.
    warnings.filterwarnings("ignore", "Cannot find activity to cancel")


def _log_to(
    logger: logging.Logger, level: int | str, handlers: Mapping[logging.Handler, logging.Formatter]
) -> None:
    """Set these handlers and this level, in the place of an earlier call's handlers."""
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
    """Adds order, submission, step and attempt to every log line of an activity."""

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        info = activity.info()
        ref = getattr(work.args[0], "submission", None) if work.args else None
        keep_private(work.args[0] if work.args else None)
        # Never unbound: each attempt has its own context, and Temporal's line about its failure, which
        # is logged after this returns, needs these fields as well.
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
    """Return order and step: `payment-ORDER-001` is step `payment`; the order's own workflow is `order`."""
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
    event.pop("temporal_log", None)  # the SDK's Rust half repeats its message here
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
    """Drop the traceback of an expected error, such as a declined card: it would hide those of real bugs."""
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
    render = structlog.dev.ConsoleRenderer(
        colors=on_terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    return lambda logger, method, event: render(logger, method, {k: _inert(v) for k, v in event.items()})


def _inert(value: object) -> object:
    """Spell out what a terminal would obey. A stranger may ask for a path that holds an escape sequence."""
    if not isinstance(value, str):
        return value
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in value)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Looks up stderr for each line, since a live display replaces it while it owns the terminal."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _ChangesFile(WatchedFileHandler):
    """The file of changes. If it cannot be written, its lines go to the general log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # `keys new` may be the first command of all.
            Path(self.baseFilename).parent.mkdir(0o700, parents=True, exist_ok=True)
            super().emit(record)
        except OSError:
            for handler in logging.getLogger().handlers:
                handler.handle(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        raise  # noqa: PLE0704 - called while an error is handled
