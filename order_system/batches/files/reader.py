"""The reader of files of orders, for asyncio."""

import asyncio
from collections.abc import Sequence
from typing import Unpack

from order_system.batches.files import inspection, pages
from order_system.batches.files.inspection import HowToRead, inspect_file
from order_system.batches.files.pages import PAGE_BYTES
from order_system.batches.files.sources import GotOn
from order_system.domain.order_file import FileRef, Position
from order_system.domain.order_page import Page


class OrderFiles:
    """Reads files below some roots (`ORDER_FILE_ROOTS`: folders and object store addresses). What blocks runs
    in threads."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(roots)

    async def inspect(self, url: str, **how: Unpack[HowToRead]) -> FileRef:
        """Read all of a file once: is it text, does its header fit, what is its SHA-256?

        Raises FileRefused, which names the line and the cure; FileUnreachable if an object store fails."""
        return await asyncio.to_thread(inspect_file, url, self._roots, **how)

    async def verify(self, ref: FileRef, got_on: GotOn | None = None) -> None:
        """Compare the SHA-256 of the whole file. Raises FileChanged, FileUnreachable, and FileRefused
        if it is gone."""
        await asyncio.to_thread(inspection.verify, ref, self._roots, got_on)

    async def read_page(
        self,
        ref: FileRef,
        position: Position | None = None,
        max_bytes: int = PAGE_BYTES,
        got_on: GotOn | None = None,
    ) -> Page:
        """Return the whole orders in the `max_bytes` from a position (None: the first row), at least one."""
        return await asyncio.to_thread(
            pages.read_page, ref, position or ref.start, self._roots, max_bytes, got_on
        )
