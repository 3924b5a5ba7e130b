"""What the header of a `POST /api/metrics` says: how to read its body, or why it is refused unread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from journal.metric import Metric
from web.auth import Gate, is_cross_site
from web.hosts import Hosts, unserved
from web.problems import ProblemDetails, problem
from web.receivers import compression, json, msgpack, ndjson
from web.receivers.compression import Decompressor

Receive: TypeAlias = Callable[[bytes], tuple[list[Metric], bytes]]
"""From a body to its metrics, and to the JSON that the journal can keep as it is, or b""."""


class Plan(NamedTuple):
    """How to read a body, and the idempotency key that came with it, or ""."""

    receive: Receive
    decompress: Decompressor | None
    key: str


def _encoded_anew(receive: Callable[[bytes], list[Metric]]) -> Receive:
    return lambda body: (receive(body), b"")


_RECEIVERS: dict[str, Receive] = {
    # A body without a type is not taken for JSON: any web page may send such a one without asking.
    "application/json": json.receive_as_sent,
    "application/x-ndjson": _encoded_anew(ndjson.receive),
    "application/ndjson": _encoded_anew(ndjson.receive),
    "application/jsonl": _encoded_anew(ndjson.receive),
    "application/msgpack": _encoded_anew(msgpack.receive),
    "application/x-msgpack": _encoded_anew(msgpack.receive),
    "application/vnd.msgpack": _encoded_anew(msgpack.receive),
}
_DECOMPRESSORS: dict[str, Decompressor | None] = {
    "": None,
    "identity": None,
    "gzip": compression.gunzip,
    "x-gzip": compression.gunzip,
    "zstd": compression.unzstd,
}
_PLAIN = {
    kind.encode(): Plan(receive, None, "") for kind, receive in _RECEIVERS.items()
}  # the usual spellings, without a search
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\";\s]+)")


def admit(
    fields: Mapping[bytes, bytes], gate: Gate, hosts: Hosts, max_body: int, now: Callable[[], float]
) -> Plan | ProblemDetails:
    """How to read the body of a request with these header `fields` (names in lower case).

    Refused in this order: credentials, a name that is not ours, another site's page, size, type, encoding,
    idempotency key.
    """
    by_cookie = False
    if not gate.is_open:
        authorization = fields.get(b"authorization")
        if authorization is not None:
            if not gate.admits_bearer(authorization):
                return problem(401, "the token is wrong")
        elif (cookies := fields.get(b"cookie")) is not None and gate.admits_cookie(cookies, now()):
            by_cookie = True
        else:
            return problem(401, "a token is needed: send it as `Authorization: Bearer TOKEN`")
    origin = fields.get(b"origin")
    if origin is not None and not hosts.serves(host := fields.get(b"host")):
        # Without Origin it comes from no page, whatever a program calls us.
        return problem(421, unserved((host or b"").decode("latin-1")), parameter="Host")
    if (by_cookie or origin is not None) and is_cross_site(
        origin, fields.get(b"host", b""), by_cookie=by_cookie
    ):
        return problem(403, "requests from pages of another origin are not accepted", parameter="Origin")
    length = fields.get(b"content-length")
    if length is not None and int(length) > max_body:
        return too_large(max_body)
    if b"content-encoding" in fields or b"idempotency-key" in fields or b"transfer-encoding" in fields:
        return _plan(fields)
    return _PLAIN.get(fields.get(b"content-type", b"")) or _plan(fields)


def too_large(max_body: int) -> ProblemDetails:
    """The refusal of a body over the limit."""
    return problem(413, f"the body is over {max_body} bytes; send the metrics in smaller parts")


def too_many(max_connections: int) -> ProblemDetails:
    """The refusal of a connection over the limit."""
    return problem(
        503,
        f"{max_connections} connections are open, which is the limit (FOREBAY_MAX_CONNECTIONS); "
        "send more over each, or come again",
        retry_after=5.0,
    )


def _plan(fields: Mapping[bytes, bytes]) -> Plan | ProblemDetails:
    coding = fields.get(b"transfer-encoding")
    if coding is not None and coding.strip().lower() != b"chunked":
        return problem(501, "the only transfer coding taken is chunked", parameter="Transfer-Encoding")
    kind = fields.get(b"content-type", b"").decode("latin-1").lower()
    essence, _, parameters = kind.partition(";")
    receive = _RECEIVERS.get(essence.strip())
    if receive is None:
        said = f"the content type {essence.strip()!r} is not taken" if kind else "the content type is missing"
        return problem(
            415,
            f"{said}; send application/json, application/x-ndjson or application/msgpack",
            parameter="Content-Type",
        )
    charset = _CHARSET.search(parameters)
    if charset is not None and charset.group(1) not in ("utf-8", "utf8", "us-ascii"):
        return problem(415, "the character set must be UTF-8", parameter="Content-Type")
    encoding = fields.get(b"content-encoding", b"").decode("latin-1").strip().lower()
    if encoding not in _DECOMPRESSORS:
        return problem(
            415,
            f"the content encoding {encoding!r} is not taken; send gzip, zstd or identity",
            parameter="Content-Encoding",
        )
    key = fields.get(b"idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        return problem(
            400, "Idempotency-Key must be 1 to 255 visible ASCII characters", parameter="Idempotency-Key"
        )
    return Plan(receive, _DECOMPRESSORS[encoding], "" if key is None else key.decode())
