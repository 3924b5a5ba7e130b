"""Logs: for people on a terminal, JSON lines otherwise, on stderr; never payloads, never a flood.

structlog, the standard library and uvicorn all end in one handler. What repeats within ten seconds more
often than a few times is counted and told in one line.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from actors.cli.terminal import coloured
from actors.config.settings import LogFormat, LogLevel

WITHHELD: Final = "withheld"

PAYLOAD_KEYS: Final = frozenset(
    {"attributes", "batch", "body", "key", "metric", "metrics", "payload", "rows", "value", "values"}
    | {"authorization", "cookie", "password", "secret", "service_role_key", "token"}
)
"""Fields that could hold what a client sent, or a secret: their values are never written."""

_MAX_KINDS = 1_000
_FIRST = ("timestamp", "level", "logger", "event")


class Window(msgspec.Struct, frozen=True):
    """How often one message has come since `began` (seconds, monotonic)."""

    began: float
    seen: int


class Decision(msgspec.Struct, frozen=True):
    """Whether to write a message, and how many like it were left out in the window that has just ended."""

    write: bool
    left_out: int = 0


def decide(window: Window | None, now: float, limit: int, period: float) -> tuple[Window, Decision]:
    """What to do with one more message whose window so far is `window`.

    The first `limit` of each `period` (seconds) are written; the rest are counted.
    """
    if window is None or now - window.began >= period:
        left_out = 0 if window is None else max(window.seen - limit, 0)
        return Window(now, 1), Decision(True, left_out)
    return Window(window.began, window.seen + 1), Decision(window.seen < limit)


class RepeatFilter(logging.Filter):
    """Lets the first `limit` of each message per `period` seconds pass; `tell(record, times)` is called for
    the rest when their window has ended, by the next message of any kind, or by `flush`."""

    def __init__(
        self,
        tell: Callable[[logging.LogRecord, int], None],
        *,
        limit: int = 5,
        period: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._tell = tell
        self._limit = limit
        self._period = period
        self._clock = clock
        self._windows: dict[tuple[str, str], tuple[Window, logging.LogRecord]] = {}
        self._next_sweep = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        now = self._clock()
        if now >= self._next_sweep or len(self._windows) > _MAX_KINDS:
            self._sweep(now)
        key = (record.name, _event(record))
        window, _ = self._windows.get(key, (None, record))
        window, decision = decide(window, now, self._limit, self._period)
        self._windows[key] = (window, record)
        if decision.left_out:
            self._tell(record, decision.left_out)
        return decision.write

    def flush(self) -> None:
        """Tell what was left out so far."""
        self._sweep(float("inf"))

    def _sweep(self, now: float) -> None:
        ended = [
            key
            for key, (window, _) in self._windows.items()
            if now - window.began >= self._period or len(self._windows) > _MAX_KINDS
        ]
        for key in ended:
            window, record = self._windows.pop(key)
            if window.seen > self._limit:
                self._tell(record, window.seen - self._limit)
        self._next_sweep = self._clock() + self._period / 10


def configure(
    level: LogLevel = "info",
    log_format: LogFormat = "auto",
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RepeatFilter:
    """Send every log of this process to `stream` (stderr, if None).

    `log_format` auto is human on a terminal and json otherwise. The result's `flush` tells at once what
    was left out; it is called at exit.
    """
    out = sys.stderr if stream is None else stream
    human = log_format == "human" or (log_format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(human, coloured(out)))
    # Past the filter on purpose: a summary is not itself counted.
    repeats = RepeatFilter(lambda record, times: handler.emit(_summary(record, times)), clock=clock)
    handler.addFilter(repeats)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    # Requests are counted in /metrics. A line each would be a flood, and would hold query strings.
    for name in ("uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(name).setLevel("WARNING")
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    logging.captureWarnings(True)
    atexit.register(repeats.flush)
    return repeats


def withhold_payloads(_: Any, __: str, event: EventDict) -> EventDict:
    """`event` with every value that could be a payload or a secret replaced by `withheld`."""
    for key in event.keys() & PAYLOAD_KEYS:
        event[key] = WITHHELD
    return event


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        withhold_payloads,
    ]


def _formatter(human: bool, colours: bool) -> logging.Formatter:
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    if not human:
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    last: list[Processor]
    if human:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=colours,
                # The other renderers print local variables, and those are payloads.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            withhold_payloads,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, stamp, *last],
    )


def _json(event: EventDict, **_: Any) -> str:
    first = {name: event.pop(name) for name in _FIRST if name in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _event(record: logging.LogRecord) -> str:
    """What makes two records the same message: the event, or the text before its arguments are filled in."""
    said: object = record.msg
    if isinstance(said, MutableMapping):
        return str(cast("MutableMapping[str, object]", said).get("event", ""))
    return str(said)


def _summary(record: logging.LogRecord, times: int) -> logging.LogRecord:
    text = f"{_event(record)}: repeated {times:,} times"
    return logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, text, None, None)
