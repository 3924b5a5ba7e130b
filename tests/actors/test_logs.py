from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from actors.config import Secret
from actors.logs import PAYLOAD_KEYS, Decision, RepeatFilter, Window, configure, decide


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give the process's logging back as it was: other tests use it too."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_where_nobody_looks() -> None:
    """Off a terminal each line is one JSON object with time, level, logger, event and fields."""
    out = io.StringIO()
    configure(stream=out)
    structlog.get_logger("forebay.journal").warning("torn tail cut", bytes=17)
    (line,) = lines(out)
    assert list(line) == ["timestamp", "level", "logger", "event", "bytes"]
    assert line.pop("timestamp")
    assert line == {"event": "torn tail cut", "bytes": 17, "level": "warning", "logger": "forebay.journal"}


def test_human_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets coloured text; a file that asks for human text gets it without colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal, file = Terminal(), io.StringIO()
    configure(stream=terminal)
    structlog.get_logger("a").info("ready", port=8420)
    configure(log_format="human", stream=file)
    structlog.get_logger("a").info("ready", port=8420)
    assert "ready" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
    assert "ready" in file.getvalue()
    assert "port=8420" in file.getvalue()
    assert "\x1b[" not in file.getvalue()


def test_level() -> None:
    """What is below the level is not written, whoever says it."""
    out = io.StringIO()
    configure("warning", stream=out)
    structlog.get_logger("a").info("one")
    logging.getLogger("b").info("two")
    logging.getLogger("b").warning("three")
    assert [line["event"] for line in lines(out)] == ["three"]


def test_standard_library_and_uvicorn_go_the_same_way() -> None:
    """uvicorn's own handlers are taken away; its lines look like ours; its access log is off."""
    out = io.StringIO()
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.addHandler(logging.StreamHandler(io.StringIO()))
    uvicorn.propagate = False
    configure(stream=out)
    logging.getLogger("uvicorn.error").info("listening on %s", "127.0.0.1")
    logging.getLogger("uvicorn.access").info("GET /api/status?token=abc")
    (line,) = lines(out)
    assert line["event"] == "listening on 127.0.0.1"
    assert line["logger"] == "uvicorn.error"


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_payloads_and_secrets_are_withheld(log_format: str) -> None:
    """No field that could hold a metric or a token is written, in either format."""
    out = io.StringIO()
    configure(log_format=log_format, stream=out)  # type: ignore[arg-type]
    structlog.get_logger("a").info("one", **dict.fromkeys(PAYLOAD_KEYS, "hush"), other=Secret("hush"), safe=1)
    logging.getLogger("b").info("two", extra={"token": "hush", "safe": 2})
    assert "hush" not in out.getvalue()
    assert "withheld" in out.getvalue()
    assert "safe" in out.getvalue()


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_tracebacks_show_no_local_variables(log_format: str) -> None:
    """A traceback says where it went wrong and holds no value of a local variable."""
    out = io.StringIO()
    configure(log_format=log_format, stream=out)  # type: ignore[arg-type]
    payload = "".join(["hu", "sh"])
    try:
        raise ValueError(len(payload))
    except ValueError:
        structlog.get_logger("a").exception("crashed")
        logging.getLogger("b").exception("crashed too")
    assert out.getvalue().count("ValueError: 4") == 2
    assert "hush" not in out.getvalue()


def test_repeats_are_told_in_one_line() -> None:
    """Of 1,239 equal messages in a window five are written, and then how many more there were."""
    out, clock = io.StringIO(), Clock()
    configure(stream=out, clock=clock)
    log = structlog.get_logger("a")
    for number in range(1_239):
        log.warning("store refuses", attempt=number)
    log.info("something else")
    clock.now += 10
    log.info("later")
    assert [line["event"] for line in lines(out)] == [
        *["store refuses"] * 5,
        "something else",
        "store refuses: repeated 1,234 times",
        "later",
    ]


def test_flush_tells_what_was_left_out() -> None:
    """At exit no count is lost, and it is told once."""
    out, clock = io.StringIO(), Clock()
    repeats = configure(stream=out, clock=clock)
    for _ in range(7):
        logging.getLogger("b").warning("slow by %s ms", 3)
    repeats.flush()
    repeats.flush()
    assert [line["event"] for line in lines(out)][5:] == ["slow by %s ms: repeated 2 times"]


def test_loggers_are_counted_apart() -> None:
    """The same words of two loggers are two messages."""
    told: list[int] = []
    repeats = RepeatFilter(lambda _, times: told.append(times), limit=1, clock=Clock())

    def passes(name: str) -> bool:
        return repeats.filter(logging.LogRecord(name, 20, "", 0, "same", None, None))

    assert [passes("a"), passes("b"), passes("a")] == [True, True, False]


def test_many_different_messages_take_bounded_memory() -> None:
    """Messages that are all different (an id in the text) do not pile up, and each is written."""
    repeats = RepeatFilter(lambda *_: None, clock=Clock())
    for number in range(5_000):
        assert repeats.filter(logging.LogRecord("a", 20, "", 0, f"item {number}", None, None))
    assert len(repeats._windows) <= 1_001


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 10))
def test_every_message_is_written_or_counted(pauses: list[float], limit: int) -> None:
    """Whatever the timing, written + told + still counted = all, and never more than `limit` a window."""
    window: Window | None = None
    written = left_out = 0
    now = 0.0
    for pause in pauses:
        now += pause
        window, decision = decide(window, now, limit, 10.0)
        written += decision.write
        left_out += decision.left_out
    waiting = 0 if window is None else max(window.seen - limit, 0)
    assert written + left_out + waiting == len(pauses)
    assert decide(Window(0.0, limit), 9.9, limit, 10.0) == (Window(0.0, limit + 1), Decision(False))
