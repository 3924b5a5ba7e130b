"""What stands in the golden journals of format 1: every kind of event, and the ends of every range."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from journal.events import (
    ActorCrashed,
    ActorRestarted,
    BreakerMoved,
    CursorAdvanced,
    DeadLetterRetried,
    DeadLettersDiscarded,
    DeadLettersExpired,
    DeadLettersMirrored,
    DeadLettersRedriven,
    JournalClosed,
    JournalOpened,
    MessageDeadLettered,
    MetricDeadLettered,
    MetricsAccepted,
    MetricsAsSent,
    OffsetsLost,
    SegmentsRetired,
    SupervisorEscalated,
    pack_metrics,
)
from journal.flags import FlagChanged, FlagOverridden
from journal.metric import MAX_INT64, MIN_INT64, Metric, Offset
from tests.journal.golden.writing import BEGAN, SECTOR, GoldenJournal

PID = 4711
VERSION = "0.3.0"
MAX_FLOAT, MIN_FLOAT = 1.7976931348623157e308, 5e-324

UNICODE = (
    Metric("温度.größe.🌡️", 21.5, unit="°C", source="שרת-1", session="é/e\u0301"),
    Metric("name with\nline, \x1b[2J escape and \0", 0.0, source="\u202eright to left", unit="%"),
    Metric("\U0010ffff", 1.0),
    Metric("x" * 255, 2.0),
    Metric("😀" * 255, 3.0),
)
EXTREMES = (
    Metric("largest", MAX_FLOAT, MAX_INT64, "gauge"),
    Metric("lowest", -MAX_FLOAT, MIN_INT64, "counter"),
    Metric("smallest", MIN_FLOAT, 0, "timer"),
    Metric("negative zero", -0.0, -1, "histogram"),
    Metric("no short decimal", 0.1 + 0.2, 1, "event"),
    Metric("a whole number", float(2**53 + 2), 2**53 + 1),
)
ATTRIBUTES = (
    Metric(
        "all types",
        1.0,
        attributes={
            "": "",
            "text": "wärme",
            "true": True,
            "false": False,
            "largest": MAX_INT64,
            "lowest": MIN_INT64,
            "one": 1,
            "one as a float": 1.0,
            "float": -MAX_FLOAT,
            "tiny": MIN_FLOAT,
        },
    ),
    Metric("as many as may be", 1.0, attributes={f"a{i}": i for i in range(128)}),
)


def steady(first: int, count: int, *, text: int = 0) -> list[Metric]:
    """`count` metrics as a service sends them, with `text` bytes of attribute each."""
    attributes = {"text": "x" * text} if text else {}
    return [
        Metric(f"gpu.{i % 4}.temperature", 60.25 + i, unit="C", source=f"node-{i % 2}", attributes=attributes)
        for i in range(first, first + count)
    ]


def body(name: str, count: int) -> bytes:
    """A request as a client may write it: spaces, escapes, numbers of every look, fields in any order."""
    one = '{ "value" : %d, "name":"%s", "attributes":{"k":"\\u00e9","n":1e3,"b":true}, "time":%d }'
    return ("[" + ",\n ".join(one % (i, name, BEGAN + i) for i in range(count)) + "]").encode()


def ordinary(directory: Path) -> None:
    """Killed while it stood still: rolled thrice, its first segment retired."""
    golden = GoldenJournal(1)
    golden.add(JournalOpened(PID, VERSION))
    golden.add(MetricsAccepted(steady(0, 3)))
    golden.roll()
    golden.add(MetricsAccepted(steady(3, 20)))
    golden.add(pack_metrics(UNICODE, "a key, which may be anything: \0 schlüssel"))
    golden.add(MetricsAsSent(body("as.sent", 3), 3), MetricsAccepted(steady(23, 2)))
    golden.add(MetricsAsSent(b'{"name": "one object", "value": -1.5e-3}', 1, "key-2"), unsynced=64)
    golden.add(MetricsAccepted([*EXTREMES]), unsynced=2 * SECTOR)
    golden.add(CursorAdvanced("sqlite", Offset(30), 24, 2))
    golden.roll()
    golden.add(MetricsAccepted([*ATTRIBUTES]), CursorAdvanced("supabase", Offset(12), 10))
    golden.add(BreakerMoved("supabase", "open", 5, "connection refused ⚡", BEGAN + 60_000_000_000))
    golden.add(BreakerMoved("supabase", "half-open", 5))
    golden.add(BreakerMoved("supabase", "closed"), BreakerMoved("sqlite", "open", 1, probe_at=MAX_INT64))
    golden.add(ActorCrashed("/stores/sqlite", "OSError: disk I/O error", 'Traceback …\n  File "x"\n'))
    golden.add(ActorRestarted("/stores/sqlite", 0.1), ActorCrashed("/live", "boom"), ActorRestarted("/live"))
    golden.add(SupervisorEscalated("/stores", "6 restarts in 60 s"))
    golden.add(MessageDeadLettered("/ingest", "Ingest", "RecursionError"))
    golden.add(MetricsAccepted(steady(25, 2)), time=-1)
    golden.roll()
    second = list(golden.segments)[1]
    golden.add(SegmentsRetired([Offset(0)], Offset(int(second[:20])), 65536))
    golden.add(OffsetsLost(40, 33, "record damaged", exact=False))
    golden.add(OffsetsLost(1, 1))
    golden.add(CursorAdvanced("sqlite", golden.next_offset, 60, 2, 34))
    golden.add(MetricsAccepted(steady(27, 4, text=200), "last"), JournalOpened(PID + 1, "0.4.0", 777))
    golden.add(MetricsAccepted(steady(31, 17)))
    golden.write(directory, without=[next(iter(golden.segments))])


def dead_letters(directory: Path) -> None:
    """The queue's own journal: letters of two stores, each way to leave, and some that wait."""
    golden = GoldenJournal(2)
    golden.add(JournalOpened(PID, VERSION))
    for i, metric in enumerate((*EXTREMES, *UNICODE, *ATTRIBUTES)):
        store = ("sqlite", "supabase")[i % 2]
        golden.add(
            MetricDeadLettered(store, Offset(10 + i), BEGAN + i, metric, "check", f"23514: no {i}", i + 1, i)
        )
    golden.add(DeadLetterRetried(Offset(3), "check", "23514: still no"), DeadLettersMirrored("supabase", 9))
    golden.roll()
    golden.add(DeadLettersRedriven("sqlite", [Offset(2)], edited=Metric("edited", 1.0, attributes={"by": 1})))
    golden.add(DeadLettersRedriven("supabase", [Offset(3), Offset(5)], "weather"))
    golden.add(DeadLettersDiscarded("sqlite", [Offset(4)]))
    golden.add(DeadLettersExpired("sqlite", [Offset(6)], "age"))
    golden.add(DeadLettersExpired("supabase", [Offset(7), Offset(999)], "items"))
    golden.add(
        *(
            MetricDeadLettered("supabase", Offset(50 + i), BEGAN, metric, "weather", "57014", weather=True)
            for i, metric in enumerate(steady(0, 3))
        ),
        unsynced=SECTOR,
    )
    golden.add(JournalClosed(PID))
    golden.write(directory)


def torn(directory: Path) -> None:
    """The power went during the last write: its first sector reached the disk, the others did not."""
    golden = GoldenJournal(3)
    golden.add(JournalOpened(PID, VERSION))
    golden.add(MetricsAccepted(steady(0, 10)))
    golden.roll()
    golden.add(MetricsAccepted(steady(10, 10)))
    golden.add(MetricsAccepted(steady(20, 12, text=100)))
    begin = golden.places[-1].position
    written = (begin // SECTOR + 1) * SECTOR
    golden.newest[written:] = bytes(len(golden.newest) - written)
    golden.write(directory)


def closed(directory: Path) -> None:
    """Closed in good order, and opened and closed once more."""
    golden = GoldenJournal(4)
    golden.add(JournalOpened(PID, VERSION))
    golden.add(MetricsAccepted(steady(0, 5)))
    golden.add(JournalClosed(PID))
    golden.add(JournalOpened(PID + 1, VERSION))
    golden.add(MetricsAsSent(body("as.sent", 4), 4, "key"))
    golden.add(CursorAdvanced("sqlite", golden.next_offset, 9))
    golden.add(JournalClosed(PID + 1))
    golden.write(directory)


def corrupt(directory: Path) -> None:
    """A flipped bit in one record of the middle segment, zeroes over two more; evidence and a stray file."""
    golden = GoldenJournal(5)
    golden.add(JournalOpened(PID, VERSION))
    golden.add(MetricsAccepted(steady(0, 10)))
    golden.roll()
    for i in range(8):
        golden.add(MetricsAccepted(steady(10 + 6 * i, 6)))
    flipped, zeroed, end = (golden.places[i].position for i in (2, 5, 7))
    golden.newest[flipped + 100] ^= 0x10
    golden.newest[zeroed:end] = bytes(end - zeroed)
    golden.roll()
    golden.add(MetricsAccepted(steady(58, 6)))
    golden.add(JournalClosed(PID))
    golden.write(directory)
    first = next(iter(golden.segments)).removesuffix(".segment")
    (directory / f"{first}.torn-4096-{BEGAN}").write_bytes(b"FBr1 and no more")
    (directory / "notes.txt").write_text("no part of a journal\n")


def flags(directory: Path) -> None:
    """Flags of every type changed, rolled out, overridden and reset, with a segment begun in between."""
    golden = GoldenJournal(6)
    golden.add(JournalOpened(PID, VERSION))
    golden.add(FlagChanged("dashboard.transport", "dual", 12.5, "größe"), FlagChanged("a.switch", False))
    golden.add(FlagChanged("an.integer", MIN_INT64), FlagChanged("a.number", -MAX_FLOAT, 0.0))
    golden.add(FlagOverridden("dashboard.transport", "session-1", "realtime", "eve"))
    golden.add(FlagOverridden("a.number", "é/\0", 1.0), FlagOverridden("a.switch", "session-1", True))
    golden.roll()
    golden.add(FlagOverridden("a.number", "é/\0"), FlagChanged("an.integer"))
    golden.add(FlagChanged("a.number", MIN_FLOAT, 99.9), FlagOverridden("only.here", "session-2", 0))
    golden.add(MetricsAccepted(steady(0, 3)), JournalClosed(PID))
    golden.write(directory)


CASES: dict[str, Callable[[Path], None]] = {
    "ordinary": ordinary,
    "dead-letters": dead_letters,
    "torn": torn,
    "closed": closed,
    "corrupt": corrupt,
    "flags": flags,
}
