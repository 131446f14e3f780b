"""Answers that are written while they are read."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing


async def begun(pieces: AsyncGenerator[str]) -> AsyncIterable[str]:
    """The same pieces, the first of which is there: what is wrong from the start is raised from here, while
    there still is an answer to give."""
    first = await anext(pieces)

    async def all_of_them() -> AsyncGenerator[str]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return all_of_them()
