"""From an upload to a plan. What the API and the pages' form have in common."""

from pathlib import Path

from order_system.batches.files import HowToRead, parse_mapping, parse_profile
from order_system.batches.reports import Plan
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import FileFormat, FileRef, FileRefused, FileUnreachable
from order_system.web.services import Services


def reading_of(
    file_format: FileFormat, mapping: str | None, profile: str | None, encoding: str | None
) -> HowToRead:
    """As a request asks for it, each text of which may be blank. Raises InvalidMapping."""
    return {
        "file_format": file_format,
        "mapping": parse_mapping(mapping) if mapping else None,
        "profile": parse_profile(profile) if profile and profile.strip() else None,
        "encoding": encoding or None,
    }


async def inspected(services: Services, path: Path, name: str, reading: HowToRead) -> FileRef:
    """Raises FileRefused, InvalidMapping. Where we keep the file is not told."""
    try:
        return await services.files.inspect(str(path), **reading)
    except (FileRefused, InvalidUsage) as refused:
        raise type(refused)(str(refused).replace(str(path), name)) from None
    except FileUnreachable:
        raise FileUnreachable("the file cannot be read just now") from None


async def planned(services: Services, file: FileRef) -> Plan:
    """What a run would do. Starts nothing."""
    plan = Plan(file)
    async for _, so_far in services.batches.plan(file):
        plan = so_far
    return plan
