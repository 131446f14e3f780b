"""From an upload to a plan. What the API and the pages' form have in common."""

from dataclasses import dataclass
from pathlib import Path

from order_system.batches.files import parse_mapping, parse_profile
from order_system.batches.reports import Plan
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import ColumnMapping, FileFormat, FileRef, FileRefused, FileUnreachable
from order_system.domain.order_profile import Profile
from order_system.web.services import Services


@dataclass(frozen=True)
class Reading:
    """How a file is to be read."""

    file_format: FileFormat
    mapping: ColumnMapping | None
    profile: Profile | None
    encoding: str | None


def reading_of(
    file_format: FileFormat, mapping: str | None, profile: str | None, encoding: str | None
) -> Reading:
    """As a request asks for it, each text of which may be blank. Raises InvalidMapping."""
    columns = parse_mapping(mapping) if mapping else None
    meaning = parse_profile(profile) if profile and profile.strip() else None
    return Reading(file_format, columns, meaning, encoding or None)


async def inspected(services: Services, path: Path, name: str, reading: Reading) -> FileRef:
    """Raises FileRefused, InvalidMapping. Where we keep the file is not told."""
    refusal: str
    try:
        return await services.files.inspect(str(path), **vars(reading))
    except (FileRefused, InvalidUsage) as refused:
        kind, refusal = type(refused), str(refused).replace(str(path), name)
    except FileUnreachable as unreachable:
        kind, refusal = type(unreachable), "the file cannot be read just now"
    raise kind(refusal)


async def planned(services: Services, file: FileRef) -> Plan:
    """What a run would do. Starts nothing."""
    plan = Plan(file)
    async for _, so_far in services.batches.plan(file):
        plan = so_far
    return plan
