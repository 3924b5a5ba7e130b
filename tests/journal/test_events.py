"""Events come back as they went; what is not known is an error that names its offset."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import events as module
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
    Event,
    JournalClosed,
    JournalOpened,
    MessageDeadLettered,
    MetricDeadLettered,
    MetricsAccepted,
    MetricsAsSent,
    SegmentsRetired,
    Snapshot,
    SupervisorEscalated,
    UnknownEventError,
    decode,
    encode,
    is_plain,
    offsets_of,
    pack_metrics,
    width,
)
from journal.flags import FlagChanged, FlagOverridden, FlagState
from journal.metric import MAX_ATTRIBUTES, Metric, Offset, metric_time
from journal.replay import evolve
from journal.state import ActorState, BreakerState, CursorState, DeadLetter, DeadLetterCount, State

texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=30)
counts = st.integers(0, 2**60)
times = st.integers(-(2**63), 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
offsets = counts.map(Offset)
attributes = st.dictionaries(texts, texts | st.booleans() | times | finite, max_size=4)
kinds = st.sampled_from(["gauge", "counter", "timer", "histogram", "event"])
some_metrics = st.builds(Metric, names, finite, st.none() | times, kinds, texts, texts, texts, attributes)
letters = st.builds(
    DeadLetter,
    offsets,
    texts,
    offsets,
    times,
    names,
    texts,
    texts,
    texts,
    counts,
    times,
    times,
    st.booleans(),
)
values = st.booleans() | times | finite | texts
states = st.builds(
    State,
    accepted=counts,
    events=counts,
    cursors=st.dictionaries(texts, st.builds(CursorState, offsets, counts), max_size=3),
    actors=st.dictionaries(texts, st.builds(ActorState, counts, counts, texts, times), max_size=3),
    opened_at=times,
    clean=st.booleans(),
    retired_before=offsets,
    breakers=st.dictionaries(
        texts,
        st.builds(
            BreakerState, st.sampled_from(["closed", "open", "half-open"]), times, counts, texts, times
        ),
        max_size=2,
    ),
    dead_letters=st.dictionaries(offsets, letters, max_size=2),
    dead_letter_counts=st.dictionaries(
        texts, st.builds(DeadLetterCount, counts, counts, counts, counts), max_size=2
    ),
    mirrored=st.dictionaries(texts, offsets, max_size=2),
    flags=st.dictionaries(
        names,
        st.builds(FlagState, values, finite, st.dictionaries(texts, values, max_size=2), times, texts),
        max_size=2,
    ),
)
control: st.SearchStrategy[Event] = st.one_of(
    st.builds(Snapshot, states),
    st.builds(JournalOpened, counts, texts, counts),
    st.builds(JournalClosed, counts),
    st.builds(CursorAdvanced, texts, offsets, counts),
    st.builds(ActorCrashed, texts, texts, texts),
    st.builds(ActorRestarted, texts, finite),
    st.builds(SupervisorEscalated, texts, texts),
    st.builds(MessageDeadLettered, texts, texts, texts),
    st.builds(SegmentsRetired, st.lists(offsets, max_size=3), offsets, counts),
    st.builds(BreakerMoved, texts, st.sampled_from(["closed", "open", "half-open"]), counts, texts, times),
    st.builds(
        MetricDeadLettered, texts, offsets, times, some_metrics, texts, texts, counts, times, st.booleans()
    ),
    st.builds(DeadLetterRetried, offsets, texts, texts, st.booleans()),
    st.builds(
        DeadLettersRedriven,
        texts,
        st.lists(offsets, max_size=3),
        st.sampled_from(["hand", "weather"]),
        st.none() | some_metrics,
    ),
    st.builds(DeadLettersDiscarded, texts, st.lists(offsets, max_size=3)),
    st.builds(DeadLettersExpired, texts, st.lists(offsets, max_size=3), st.sampled_from(["items", "age"])),
    st.builds(DeadLettersMirrored, texts, offsets),
    st.builds(FlagChanged, names, st.none() | values, finite, texts),
    st.builds(FlagOverridden, names, texts, st.none() | values, texts),
)
accepted = st.builds(MetricsAccepted, st.lists(some_metrics, max_size=4), texts)
everything: st.SearchStrategy[Event] = control | accepted


def as_maps(*maps: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(list(maps))


@given(st.lists(everything, max_size=5), counts)
def test_round_trip(events: list[Event], base: int) -> None:
    """Every event, a snapshot of any state included, is decoded as it was encoded."""
    assert decode(encode(events), base) == events


@given(st.lists(everything, max_size=6), st.integers(0, 1000))
def test_offsets(events: list[Event], base: int) -> None:
    """Each event begins where the one before ended; metrics count one by one, other events once."""
    expected = base
    for offset, event in offsets_of(events, base):
        assert offset == expected
        expected += len(event.metrics) if isinstance(event, MetricsAccepted) else 1
    assert expected == base + sum(map(width, events))


@given(states, times)
def test_a_snapshot_stands_for_what_was_before_it(state: State, time: int) -> None:
    """Folding a snapshot over anything gives its state, with itself counted."""
    assert evolve(State(), Snapshot(state), time, Offset(0)) == evolve(
        state, Snapshot(state), time, Offset(0)
    )
    assert evolve(State(), Snapshot(state), time, Offset(0)).events == state.events + 1


@pytest.mark.parametrize("count", [1, 15, 16, 17, 65_535, 65_536])
def test_packed_metrics_are_metrics(count: int) -> None:
    """Metrics packed on their way in have the width of so many metrics and are read back as accepted."""
    metrics = [Metric("a", float(i)) for i in range(count)]
    packed = pack_metrics(metrics, "key")
    assert width(packed) == count
    assert decode(encode([packed, JournalClosed(1)]), 0) == [
        MetricsAccepted(metrics, "key"),
        JournalClosed(1),
    ]
    assert evolve(State(), packed, 1, Offset(0)) == State(accepted=count)


def test_every_event_is_tagged_with_its_version() -> None:
    """Tags are literal, different, and end in a version; the strategies above leave no event out."""
    tags = [str(cls.__struct_config__.tag) for cls in get_args(Event)]
    assert len(set(tags)) == len(tags) == 20
    assert all(tag.rpartition("/")[2].isdigit() for tag in tags)


@pytest.mark.parametrize("tag", ["metrics/2", "surprise/1", "", None, 7])
def test_an_unknown_event_is_an_error_with_its_offset(tag: object) -> None:
    """An unknown tag, or a newer version, is refused with the offset of that event, not of its record."""
    payload = as_maps(
        {"type": "metrics/1", "metrics": [{"name": "a", "value": 1.0}, {"name": "b", "value": 2.0}]},
        {"type": "journal-closed/1", "pid": 1},
        {"type": tag},
    )
    with pytest.raises(UnknownEventError, match="offset 1003: unknown event") as error:
        decode(payload, 1000)
    assert error.value.offset == 1003


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "journal-closed/1"},
        {"type": "journal-closed/1", "pid": "one"},
        {"type": "metrics/1", "metrics": [{"name": "a", "value": float("nan")}]},
        {"type": "metrics/1", "metrics": [{"name": "", "value": 1.0}]},
    ],
)
def test_an_event_that_cannot_be_read_is_an_error_with_its_offset(broken: dict[str, Any]) -> None:
    """A known tag with fields missing or wrong is refused as well."""
    with pytest.raises(UnknownEventError, match=r"offset 8: .* cannot be read"):
        decode(as_maps({"type": "journal-closed/1", "pid": 1}, broken), 7)


@pytest.mark.parametrize("payload", [b"", b"\xc1", msgspec.msgpack.encode({"a": 1}), b"\x91\x01"])
def test_a_payload_that_is_no_list_of_events(payload: bytes) -> None:
    """Anything else than a list of maps is refused with the record's offset."""
    with pytest.raises(UnknownEventError, match="offset 5: the payload is no list of events"):
        decode(payload, 5)


def test_fields_of_a_later_version_are_ignored() -> None:
    """An event of today with a field of tomorrow can be read: only new tags lock old versions out."""
    (event,) = decode(as_maps({"type": "journal-closed/1", "pid": 4, "mood": "fine"}), 0)
    assert event == JournalClosed(4)


def test_old_versions_go_through_every_upcaster(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event two versions old is brought up step by step, among others that need no such thing."""

    def named(plain: dict[str, Any]) -> dict[str, Any]:
        return {**plain, "store": plain.pop("name")}

    def counted(plain: dict[str, Any]) -> dict[str, Any]:
        return {**plain, "persisted": plain["offset"]}

    upcasters = {
        "cursor/1": ("cursor-moved/1", named),
        "cursor-moved/1": ("cursor-advanced/1", counted),
    }
    monkeypatch.setattr(module, "UPCASTERS", upcasters)
    payload = as_maps(
        {"type": "cursor/1", "name": "sqlite", "offset": 5},
        {"type": "journal-closed/1", "pid": 1},
        {"type": "cursor-moved/1", "store": "pg", "offset": 6},
    )
    assert decode(payload, 0) == [
        CursorAdvanced("sqlite", Offset(5), 5),
        JournalClosed(1),
        CursorAdvanced("pg", Offset(6), 6),
    ]


def test_the_time_of_a_metric() -> None:
    """A metric that was sent without a time has that of its receipt."""
    assert metric_time(Metric("a", 1.0), 99) == 99
    assert metric_time(Metric("a", 1.0, 0), 99) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "value": 1.0},
        {"name": "x" * 256, "value": 1.0},
        {"name": "a", "value": float("inf")},
        {"name": "a", "value": 1.0, "kind": "wrong"},
        {"name": "a", "value": 1.0, "time": 2**63},
        {"name": "a", "value": 1.0, "attributes": {"a": {}}},
        {"name": "a", "value": 1.0, "attributes": {"a": None}},
        {"name": "a", "value": 1.0, "attributes": {"a": float("nan")}},
        {"name": "a", "value": 1.0, "attributes": {"a": 2**63}},
        {"name": "a", "value": 1.0, "attributes": {str(i): i for i in range(MAX_ATTRIBUTES + 1)}},
    ],
)
def test_a_metric_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    """Names, finite values, times, kinds and flat attributes are checked by the type itself."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Metric)


@given(st.lists(some_metrics, min_size=1, max_size=5), st.text(max_size=10), st.booleans())
def test_metrics_as_sent_are_metrics(sent: list[Metric], key: str, as_object: bool) -> None:
    """A validated body in the journal is read back as the metrics that it says, one object or an array."""
    if as_object:
        sent = sent[:1]
    body = msgspec.json.encode(sent[0] if as_object else sent)
    event = MetricsAsSent(body, len(sent), key)
    assert decode(encode([event]), 0) == [MetricsAccepted(sent, key)]
    assert (width(event), is_plain(event)) == (len(sent), not key)


@pytest.mark.parametrize("body", [b"{", b"[]", b'[{"name": ""}]'])
def test_metrics_as_sent_that_cannot_be_read_name_their_offset(body: bytes) -> None:
    """A body that is not the metrics that it was accepted as is an error at its offset, never a skip."""
    with pytest.raises(UnknownEventError) as raised:
        decode(encode([MetricsAsSent(body, 1)]), 17)
    assert raised.value.offset == 17
