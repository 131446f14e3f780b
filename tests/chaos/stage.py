"""The folder by which the director and its workers understand each other: files that only one can create."""

import asyncio
import os
import time
from pathlib import Path


class Stage:
    """The folder by which the director and its workers understand each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = folder / "plan.json"
        self.diaries = folder / "diary"
        self.markers = folder / "markers"
        self.database_refuses = folder / "database-refuses"
        """While it exists."""

    def prepare(self) -> None:
        self.diaries.mkdir(parents=True)
        self.markers.mkdir()

    def away(self, gateway: str) -> Path:
        """While it exists, the gateway is not reached."""
        return self.folder / f"{gateway}-is-away"

    def first_to_mark(self, name: str) -> bool:
        try:
            os.close(os.open(self.markers / name, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def marked(self, name: str) -> bool:
        return (self.markers / name).exists()

    async def until_marked(self, name: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.marked(name):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True
