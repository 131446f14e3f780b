"""Posts to a service that may be hostile: an answer must not fill our memory."""

import httpx


async def post(
    client: httpx.AsyncClient, url: str, content: bytes | str, headers: dict[str, str], *, most: float
) -> tuple[httpx.Response, bytes]:
    """Post, and return the answer with its content: all of it, or hardly more than `most` bytes. Of what is
    packed, that alone is told: a little may unpack to much. Raises httpx.HTTPError."""
    headers = headers | {"Accept-Encoding": "identity"}
    read = bytearray()
    async with client.stream("POST", url, content=content, headers=headers) as answer:
        if (packed := answer.headers.get("Content-Encoding", "identity")) != "identity":
            return answer, f"its content is packed as {packed}: not read".encode()
        async for part in answer.aiter_raw():
            read += part
            if len(read) > most:
                break
    return answer, bytes(read)
