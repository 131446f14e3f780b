"""Posts to a service that may be hostile: an answer must not fill our memory."""

import httpx


async def post(
    client: httpx.AsyncClient, url: str, content: bytes | str, headers: dict[str, str], *, most: float
) -> tuple[httpx.Response, bytes]:
    """Post, and return the answer with its content: all of it, or hardly more than `most` bytes. Of what is
    packed, that alone is told: a little may unpack to much. What can be read is not packed, whatever the
    header calls it. Raises httpx.HTTPError."""
    headers = headers | {"Accept-Encoding": "identity"}
    read = bytearray()
    async with client.stream("POST", url, content=content, headers=headers) as answer:
        async for part in answer.aiter_raw():
            read += part
            if len(read) > most:
                break
    if (packed := answer.headers.get("Content-Encoding")) and len(read) <= most:
        try:
            read.decode()
        except UnicodeDecodeError:
            return answer, f"its content is packed as {packed}: not read".encode()
    return answer, bytes(read)
