"""The state as of a point equals the fold of every event before it, wherever the point lies."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from journal.disk import OsFileSystem
from journal.events import (
    ActorCrashed,
    CursorAdvanced,
    MetricsAccepted,
    OffsetsLost,
    Snapshot,
    offsets_of,
    width,
)
from journal.framing import RECORD_HEADER_SIZE, Record, SegmentHeader
from journal.inspect import (
    Bound,
    Marks,
    Past,
    PastDamagedError,
    PastRetiredError,
    accepted_before,
    state_at,
    whole_fold,
)
from journal.log import Journal, Options
from journal.metric import Offset
from journal.replay import evolve, evolve_plain
from journal.segment import first_offset_of, segment_name
from journal.state import State
from tests.journal.building import JOURNAL_ID, SALT, SegmentBuilder, clock, metrics, read_journal

SMALL = Options(segment_bytes=8 * 1024, durability="os")


async def make_past(path: Path, *, segments: int = 4) -> list[Record]:
    """A closed journal with plain, keyed, mixed and control records in `path`; its records."""
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    value = 0
    while len(journal.segments) < segments:
        accepted = metrics(value, 3, text=value % 50)
        key = f"k{value}" if value % 7 == 0 else ""
        events: list[MetricsAccepted | CursorAdvanced | ActorCrashed | OffsetsLost]
        events = [MetricsAccepted(accepted.metrics, key=key)]
        if value % 5 == 0:
            events.append(CursorAdvanced("sqlite", journal.next_offset, value * 3))
        if value % 11 == 0:
            events = [ActorCrashed("/persistence", "boom"), *events, metrics(0, 2)]
        if value % 60 == 17:
            events.append(OffsetsLost(5, 3))
        await journal.append(events)
        value += 1
    await journal.close()
    return read_journal(OsFileSystem(), str(path))


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    await make_past(path)
    return path


def naive(found: list[Record], until: int) -> State:
    """Every event before `until` folded one by one from the beginning; what was lost counts at its end."""
    state = State()
    for record in found:
        for at, event in offsets_of(record.events(), record.base):
            if at + width(event) <= until:
                state = evolve(state, event, record.time, at)
            elif at < until and isinstance(event, MetricsAccepted):
                state = evolve_plain(state, until - at)
    return state


def names_in(path: Path) -> list[str]:
    return sorted(each.name for each in path.glob("*.segment"))


def at(path: Path, offset: int) -> Past:
    return state_at(str(path), Bound(offset=offset))


def spoil(path: Path, record: Record, at: int = RECORD_HEADER_SIZE + 2) -> str:
    """Flip a bit of `record`; the name of its segment."""
    name = [each for each in names_in(path) if (first_offset_of(each) or 0) <= record.base][-1]
    data = bytearray((path / name).read_bytes())
    data[record.position + at] ^= 0x40
    (path / name).write_bytes(data)
    return name


async def test_every_offset(journal: Path) -> None:
    """As of each offset, heads of segments and the middle of requests too, the state is the naive fold."""
    found = read_journal(OsFileSystem(), str(journal))
    end = found[-1].next_offset
    for offset in range(end + 1):
        past = at(journal, offset)
        assert past.state == naive(found, offset), offset
        assert (past.offset, past.first_offset, past.ended) == (offset, 0, False)
        assert accepted_before(str(journal), Offset(offset)) == past.state.accepted
    assert state_at(str(journal), Bound()) == past


async def test_every_time(journal: Path) -> None:
    """As of a time is as of the first record written then or later; behind the last one it is the end."""
    found = read_journal(OsFileSystem(), str(journal))
    for record in found:
        past = state_at(str(journal), Bound(time=record.time))
        first = next(each for each in found if each.time >= record.time)
        assert (past.offset, past.state) == (first.base, naive(found, first.base))
    past = state_at(str(journal), Bound(time=found[-1].time + 1))
    assert (past.offset, past.time, past.ended) == (found[-1].next_offset, found[-1].time, False)
    assert state_at(str(journal), Bound(time=0)).state == State()


async def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """The first record in the order of offsets counts, though later ones were written before it."""
    now = 1000
    journal = await Journal.open(str(tmp_path), now=lambda: now)
    for now in (2000, 3000, 1500, 1600, 4000):  # noqa: B007 - read by the journal
        last = await journal.append([metrics(0, 1)])
    assert (state_at(str(tmp_path), Bound(time=2500)).offset) == last.first_offset - 3
    assert (state_at(str(tmp_path), Bound(time=1700)).offset) == last.first_offset - 4
    await journal.close()


async def test_beyond_the_end(journal: Path) -> None:
    """An offset that is not there yet gives the state at the end, and says so."""
    end = state_at(str(journal), Bound())
    past = at(journal, end.offset + 1)
    assert past.ended
    assert (past.offset, past.state) == (end.offset, end.state)


async def test_before_what_is_kept(journal: Path) -> None:
    """An offset or time before the oldest segment is refused by the offset where the journal begins now."""
    found = read_journal(OsFileSystem(), str(journal))
    gone, kept = names_in(journal)[:2]
    (journal / gone).unlink()
    begins = first_offset_of(kept) or 0
    assert at(journal, begins).state == naive(found, begins)
    written = at(journal, begins).time
    assert state_at(str(journal), Bound(time=written)).offset == begins
    for point in (Bound(offset=begins - 1), Bound(time=written - 1)):
        with pytest.raises(PastRetiredError, match=f"begins at offset {begins} now") as refused:
            state_at(str(journal), point)
        assert refused.value.first_offset == begins


async def test_with_marks(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who keeps marks gets the same states, in whatever order, and what is before a mark is not read;
    there are no more of them than a stride allows, however many ask."""
    monkeypatch.setattr("journal.inspect.upto.STRIDE", 25)
    found = read_journal(OsFileSystem(), str(journal))
    marks = Marks()
    offsets = list(range(found[-1].next_offset + 1))
    Random(4).shuffle(offsets)
    for offset in [*offsets, *offsets]:
        assert state_at(str(journal), Bound(offset=offset), marks=marks).state == naive(found, offset), offset
    assert 0 < len(marks) <= found[-1].next_offset // 25
    begins, ends = (first_offset_of(name) or 0 for name in names_in(journal)[1:3])
    spoil(journal, next(record for record in found if record.base == begins))
    last = Bound(offset=ends - 1)
    assert state_at(str(journal), last, marks=marks).state == naive(found, ends - 1)
    with pytest.raises(PastDamagedError):
        state_at(str(journal), last)


async def test_only_one_segment_is_read(journal: Path) -> None:
    """Of all segments but the one that holds the point nothing but the header is looked at."""
    names = names_in(journal)
    expected = {name: at(journal, (first_offset_of(name) or 0) + 9).state for name in names}
    for spared in names:
        whole = {name: (journal / name).read_bytes() for name in names}
        for name in names:
            if name != spared:
                (journal / name).write_bytes(whole[name][:64].ljust(len(whole[name]), b"\xff"))
        assert at(journal, (first_offset_of(spared) or 0) + 9).state == expected[spared]
        for name, data in whole.items():
            (journal / name).write_bytes(data)


async def test_behind_a_damage(journal: Path) -> None:
    """Up to a damage and in later segments the state is known; in between the damage is named."""
    found = read_journal(OsFileSystem(), str(journal))
    names = names_in(journal)
    begins, ends = first_offset_of(names[1]) or 0, first_offset_of(names[2]) or 0
    damaged = [record for record in found if begins <= record.base < ends][7]
    expected = {offset: at(journal, offset).state for offset in (damaged.base, ends, ends + 5)}
    assert spoil(journal, damaged) == names[1]
    for offset, state in expected.items():
        assert at(journal, offset).state == state
    for point in (Bound(offset=damaged.base + 1), Bound(offset=ends - 1), Bound(time=damaged.time + 1)):
        with pytest.raises(PastDamagedError, match=f"up to offset {damaged.base}: {names[1]}: byte") as named:
            state_at(str(journal), point)
        assert (named.value.known_to, named.value.finding.segment) == (damaged.base, names[1])
        assert named.value.finding.offset == damaged.base


@pytest.mark.parametrize("torn", [True, False])
async def test_a_segment_without_a_snapshot(tmp_path: Path, torn: bool) -> None:
    """What is in a segment is not folded to anything where what was before it is not known."""
    built = SegmentBuilder()
    begun = built.places[0].position
    built.add([metrics(0, 10)])
    data = built.in_file(4096)
    if torn:
        data = data[: begun - 9].ljust(4096, b"\0")
    else:
        header = SegmentHeader(JOURNAL_ID, Offset(1), SALT, 1, Offset(1), built.places[0].chain)
        data = header.encode() + data[begun:]
    (tmp_path / segment_name(0 if torn else 1)).write_bytes(data)
    for point in (Bound(), Bound(offset=5), Bound(time=1 << 60)):
        with pytest.raises(PastDamagedError, match="begins without a snapshot"):
            state_at(str(tmp_path), point)


@pytest.mark.parametrize("what", ["header", "snapshot", "missing"])
async def test_a_segment_that_says_nothing(journal: Path, what: str) -> None:
    """A damaged header or snapshot or a missing segment is named, and in the next the state is known."""
    found = read_journal(OsFileSystem(), str(journal))
    name, following = names_in(journal)[1:3]
    begins, ends = first_offset_of(name) or 0, first_offset_of(following) or 0
    match what:
        case "header":
            spoil(journal, next(record for record in found if record.base == begins), at=-64)
        case "snapshot":
            spoil(journal, next(record for record in found if record.base == begins))
        case _:
            (journal / name).unlink()
    with pytest.raises(PastDamagedError) as named:
        at(journal, begins + 1)
    assert named.value.known_to == begins
    assert named.value.finding.offset == begins
    assert at(journal, ends).state == naive(found, ends)


async def test_a_torn_tail(journal: Path) -> None:
    """What a crash left unfinished was never acknowledged: the state is that before it."""
    found = read_journal(OsFileSystem(), str(journal))
    last = found[-1]
    path = journal / names_in(journal)[-1]
    data = bytearray(path.read_bytes())
    data[last.position + last.size - 8 : last.position + last.size] = bytes(8)
    path.write_bytes(data)
    past = state_at(str(journal), Bound())
    assert (past.offset, past.state) == (last.base, naive(found, last.base))


async def test_a_journal_that_goes_on(tmp_path: Path) -> None:
    """With `end`, nothing behind it is looked at, be it whole, half written or rotten."""
    journal = await Journal.open(str(tmp_path), options=SMALL, now=clock())
    end = (await journal.append([metrics(0, 3)])).first_offset + 3
    state = journal.state
    place = journal.frontier.byte
    await journal.append([ActorCrashed("/a", "later")])
    assert state_at(str(tmp_path), Bound(), end=Offset(end)).state == state
    await journal.close()
    (name,) = names_in(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[place : place + 200] = b"\xff" * 200
    (tmp_path / name).write_bytes(data)
    for point in (Bound(), Bound(offset=end), Bound(offset=end + 9), Bound(time=1 << 60)):
        past = state_at(str(tmp_path), point, end=Offset(end))
        assert (past.offset, past.state) == (end, state)


async def test_giving_up(journal: Path) -> None:
    """What `reading` raises ends the reading."""

    def enough(byte: int) -> None:
        raise TimeoutError(byte)

    with pytest.raises(TimeoutError):
        state_at(str(journal), Bound(), reading=enough)


async def test_a_snapshot_counts_as_an_event_behind_it(journal: Path) -> None:
    """At a segment's first offset its snapshot is not yet counted, one further on it is."""
    begins = first_offset_of(names_in(journal)[1]) or 0
    (record,) = [each for each in read_journal(OsFileSystem(), str(journal)) if each.base == begins]
    (snapshot,) = record.events()
    assert isinstance(snapshot, Snapshot)
    assert at(journal, begins).state == snapshot.state
    assert at(journal, begins + 1).state.events == snapshot.state.events + 1


@pytest.mark.parametrize("retired", [False, True], ids=["behind", "at the point"])
async def test_a_whole_fold_beside_retention(journal: Path, retired: bool) -> None:
    """What is retired meanwhile is left out, and the state is the same; where the point itself goes, that is
    said."""
    names = names_in(journal)
    inside = (first_offset_of(names[1]) or 0) + 5
    point = Bound(offset=inside) if retired else Bound()
    wanted = state_at(str(journal), point).state

    def retire(segment: str, byte: int) -> None:
        if segment == names[0]:
            (journal / names[1]).unlink(missing_ok=True)
            (journal / names[0]).unlink(missing_ok=True)

    folding = whole_fold(str(journal), point, reading=retire)
    if retired:
        with pytest.raises(PastRetiredError):
            list(folding)
        return
    [past] = folding
    assert isinstance(past, Past)
    assert past.state == wanted
    assert names_in(journal) == names[2:]
