"""The body of a request that is no batch of metrics."""

from __future__ import annotations

from starlette.requests import Request

from web.receivers.errors import ReceiverError


async def whole_body(request: Request, most: int) -> bytes:
    """The body of `request`, of at most `most` bytes. Raises ReceiverError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ReceiverError(f"the body may have {most} bytes", status=413)
    return bytes(body)


async def json_body(request: Request, most: int) -> bytes:
    """As `whole_body`, and what is not empty is said to be JSON. Raises ReceiverError."""
    body = await whole_body(request, most)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        said = repr(media_type[:100]) if media_type else "missing"
        raise ReceiverError(f"Content-Type is {said}; send application/json", status=415)
    return body
