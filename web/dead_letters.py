"""The dead-letter queue over HTTP: look, redrive, discard, one by one or by filter."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.bodies import json_body
from web.edge import Edge
from web.letter_queries import BulkQuery, discard_query, edited_metric, letters_query, redrive_query
from web.letters import Letter, LetterTimeError, Redriven
from web.ports import DeadLetters
from web.problems import ProblemDetails, problem, response
from web.queries import ParameterError, only
from web.receivers.errors import Problem, ReceiverError


class _LetterId(Convertor[int]):
    # Nineteen digits hold every offset; a longer number names no letter.
    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("letter", _LetterId())


class RefusedAgain(ProblemDetails, frozen=True, omit_defaults=True):
    """The answer 409: the store refused a redriven letter once more; `letter` is as it stands now."""

    letter: Letter | None = None


def routes(queue: DeadLetters, edge: Edge) -> list[BaseRoute]:
    """All of `/api/dead-letters`.

    What the queue itself cannot do it raises: NoSuchLetterError is a 404, DeadLettersUnavailableError a
    503. What a person asks wrongly is a ParameterError or a ReceiverError.
    """

    async def page(request: Request) -> Response:
        asked = letters_query(request.query_params)
        try:
            if asked.whole:
                return _json(await queue.whole_page(asked.which, asked.limit, asked.cursor))
            return _json(queue.page(asked.which, asked.limit, asked.cursor))
        except ValueError as error:
            raise ParameterError("cursor", "none of ours; take the one of the page before") from error

    async def letter(request: Request) -> Response:
        only(request.query_params, ())
        id_ = request.path_params["id"]
        if request.method == "DELETE":
            await queue.discard(id_)
            return Response(status_code=204)
        return _json(await queue.show(id_))

    async def redrive(request: Request) -> Response:
        only(request.query_params, ())
        edited = edited_metric(await json_body(request, edge.max_body))
        try:
            return _of_redriven(await queue.redrive(request.path_params["id"], edited))
        except LetterTimeError as error:
            raise ReceiverError(str(error), [Problem(0, "time", str(error))]) from error

    async def redrive_all(request: Request) -> Response:
        asked = await bulk(request, redrive_query)
        done = await queue.redrive_all(asked.which, dry_run=asked.dry_run, rate=asked.rate)
        return _json(done, 200 if done.dry_run else 202)

    async def discard_all(request: Request) -> Response:
        asked = await bulk(request, discard_query)
        return _json(await queue.discard_all(asked.which, dry_run=asked.dry_run))

    async def bulk(request: Request, read: Callable[[bytes], BulkQuery]) -> BulkQuery:
        # A filter in the wrong place must not be overlooked: what it would have kept would be gone.
        only(request.query_params, ())
        return read(await json_body(request, edge.max_body))

    return [
        Route("/api/dead-letters", page),
        Route("/api/dead-letters/redrive", redrive_all, methods=["POST"]),
        Route("/api/dead-letters/discard", discard_all, methods=["POST"]),
        Route("/api/dead-letters/{id:letter}", letter, methods=["GET", "DELETE"]),
        Route("/api/dead-letters/{id:letter}/redrive", redrive, methods=["POST"]),
    ]


def _of_redriven(done: Redriven) -> Response:
    match done.outcome:
        case "redriven":
            return _json(done)
        case "queued":
            return _json(done, 202)
        case "refused":
            why = done.letter.error if done.letter is not None else "the store refused it once more"
            details = problem(409, why)
            return response(RefusedAgain(details.title, details.status, details.detail, letter=done.letter))


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
