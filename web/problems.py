"""Errors as clients see them: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import math
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from web.ports import Refused
from web.receivers.errors import Problem, ReceiverError

CONTENT_TYPE = "application/problem+json"


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """One refusal. `type` is left out, which RFC 9457 reads as about:blank: the status says it all."""

    title: str
    status: int
    detail: str
    errors: list[Problem] = []
    parameter: str = ""
    """The query parameter or header that is wrong."""
    retry_after: float | None = None
    """Seconds, also sent as `Retry-After`."""
    reasons: list[str] = []
    """Why the server is not ready, one sentence a reason."""


def problem(
    status: int,
    detail: str,
    *,
    errors: list[Problem] | None = None,
    parameter: str = "",
    retry_after: float | None = None,
) -> ProblemDetails:
    """A refusal titled by its status, as RFC 9457 asks where the type is about:blank."""
    return ProblemDetails(HTTPStatus(status).phrase, status, detail, errors or [], parameter, retry_after)


def of_receiver(error: ReceiverError) -> ProblemDetails:
    """The refusal of a body that cannot be taken."""
    return problem(error.status, error.detail, errors=error.problems)


_STATUS = {"busy": 503, "stopping": 503, "disk-full": 507, "failed": 503}
_RETRY_AFTER = {"busy": 1.0, "stopping": 5.0, "disk-full": 10.0, "failed": 5.0}


def of_refusal(refused: Refused) -> ProblemDetails:
    """The answer to a client whose metrics were not taken; it always says when to come again."""
    retry_after = refused.retry_after if refused.retry_after is not None else _RETRY_AFTER[refused.reason]
    return problem(_STATUS[refused.reason], refused.detail, retry_after=retry_after)


def encode(details: ProblemDetails) -> bytes:
    """The JSON of `details`."""
    return msgspec.json.encode(details)


def response(details: ProblemDetails) -> Response:
    """`details` as an ASGI response, with `Retry-After` and `WWW-Authenticate` where they belong."""
    headers: dict[str, str] = {}
    if details.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(details.retry_after)))
    if details.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(encode(details), details.status, headers, media_type=CONTENT_TYPE)
