"""Flags for any OpenFeature client: the OpenFeature Remote Evaluation Protocol (OFREP 0.1.0,
https://github.com/open-feature/protocol, service/openapi.yaml), its two core endpoints.

`context.targetingKey` is the session. It is needed only for a flag that is rolled out to some of the
sessions. What a client sends besides it in its context decides nothing.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from journal.events import UNREADABLE
from journal.flags import FlagValue
from web.bodies import whole_body
from web.edge import Edge
from web.evaluations import MAX_SESSION, Evaluation, Flags, NoSuchFlagError, Reason
from web.receivers.errors import ReceiverError

FailureCode: TypeAlias = Literal[
    "PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"
]


class EvaluationSuccess(msgspec.Struct, frozen=True):
    """`evaluationSuccess` of the protocol."""

    key: str
    value: FlagValue
    reason: Reason
    variant: str


class EvaluationFailure(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`evaluationFailure`, `flagNotFound` or, without a key, `bulkEvaluationFailure` of the protocol."""

    error_code: FailureCode
    error_details: str
    key: str | None = None


class BulkEvaluation(msgspec.Struct, frozen=True):
    """`bulkEvaluationSuccess` of the protocol."""

    flags: list[EvaluationSuccess | EvaluationFailure]


class _Asked(msgspec.Struct, frozen=True):
    context: Any = None


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    targeting_key: Annotated[str, Meta(max_length=MAX_SESSION)] | None = None


class _ContextError(ValueError):
    """What was sent cannot be evaluated with; `code` is OpenFeature's name for that."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        self.code: FailureCode = code
        super().__init__(detail)


def routes(flags: Flags, edge: Edge) -> list[BaseRoute]:
    """`POST /ofrep/v1/evaluate/flags` and `/ofrep/v1/evaluate/flags/{key}`."""

    async def every(request: Request) -> Response:
        try:
            session = _session(await _body(request, edge.max_body))
        except _ContextError as error:
            return _json(EvaluationFailure(error.code, str(error)), 400)
        evaluated = BulkEvaluation([_outcome(each) for each in flags.evaluate_all(session)])
        body = msgspec.json.encode(evaluated)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if _is_known(tag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, headers={"etag": tag}, media_type="application/json")

    async def one(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            outcome = _outcome(flags.evaluate(key, _session(await _body(request, edge.max_body))))
        except NoSuchFlagError as error:
            return _json(EvaluationFailure("FLAG_NOT_FOUND", str(error), key), 404)
        except _ContextError as error:
            return _json(EvaluationFailure(error.code, str(error), key), 400)
        return _json(outcome, 200 if isinstance(outcome, EvaluationSuccess) else 400)

    return [
        Route("/ofrep/v1/evaluate/flags", every, methods=["POST"]),
        Route("/ofrep/v1/evaluate/flags/{key:path}", one, methods=["POST"]),
    ]


async def _body(request: Request, most: int) -> bytes:
    try:
        return await whole_body(request, most)
    except ReceiverError as error:
        raise _ContextError("PARSE_ERROR", str(error)) from error


def _session(body: bytes) -> str:
    """The session of a request with `body`; "" where it names none."""
    try:
        context = msgspec.json.decode(body.strip() or b"{}", type=_Asked).context
    except UNREADABLE as error:
        raise _ContextError("PARSE_ERROR", f"the body has to be a JSON object: {error}") from error
    try:
        return msgspec.convert({} if context is None else context, _Context).targeting_key or ""
    except msgspec.ValidationError as error:
        raise _ContextError("INVALID_CONTEXT", f"context: {error}") from error


def _outcome(evaluation: Evaluation) -> EvaluationSuccess | EvaluationFailure:
    if evaluation.error_code:
        return EvaluationFailure(evaluation.error_code, evaluation.error, evaluation.name)
    return EvaluationSuccess(evaluation.name, evaluation.value, evaluation.reason, evaluation.variant)


def _is_known(tag: str, if_none_match: str) -> bool:
    """Whether an If-None-Match header names `tag` (RFC 9110, 13.1.2: weak comparison)."""
    tags = (each.strip().removeprefix("W/") for each in if_none_match.split(","))
    return any(each in ("*", tag) for each in tags)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
