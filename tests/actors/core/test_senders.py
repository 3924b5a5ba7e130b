"""Who sends, how fast, and who has fallen silent, by a clock that is set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.core.senders import EXACT, LONGEST_NAME, SILENT_FROM, SMALL, Senders, count_senders
from journal.metric import Metric
from web.machinery import Sender

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
WHO = ("host", "s1")


def only(senders: Senders, now: int) -> Sender:
    [sender] = senders.report(now, 10).senders
    return sender


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1))
def test_a_batch_is_counted_by_who_sent_it(who: list[tuple[str, str]]) -> None:
    """Source and session together, nobody left out, nobody twice."""
    counts = count_senders([Metric("n", 1.0, source=source, session=session) for source, session in who])
    assert dict(counts) == {each: who.count(each) for each in who}


def test_rates_are_over_whole_seconds() -> None:
    """A steady sender has its rate over both windows; one that stopped fades out of the short one first."""
    senders = Senders(NOW)
    for second in range(120):
        senders.saw({WHO: 30}, NOW + second * SECOND)
        senders.saw({WHO: 20}, NOW + second * SECOND + SECOND // 2)
    end = NOW + 120 * SECOND
    steady = only(senders, end)
    assert (steady.rate_10s, steady.rate_60s, steady.count, steady.silent) == (50, 50, 6000, False)
    later = only(senders, end + 30 * SECOND)
    assert (later.rate_10s, later.rate_60s) == (0, 25)
    assert only(senders, end + 3600 * SECOND).rate_60s == 0


def test_a_new_sender_is_not_diluted() -> None:
    """The windows are as long as it has been there."""
    senders = Senders(NOW)
    for second in range(4):
        senders.saw({WHO: 10}, NOW + second * SECOND)
    fresh = only(senders, NOW + 4 * SECOND)
    assert (fresh.rate_10s, fresh.rate_60s) == (10, 10)
    senders = Senders(NOW)
    senders.saw({WHO: 7}, NOW)
    assert only(senders, NOW).rate_10s == 7


def test_silence_is_measured_by_what_is_usual() -> None:
    """Ten seconds for one that sends each second; three times its minute for one that sends each minute; and
    after a day's absence it is noticed as soon as before."""
    quick, slow = Senders(NOW), Senders(NOW)
    for at in range(100):
        quick.saw({WHO: 1}, NOW + at * SECOND)
        slow.saw({WHO: 1}, NOW + at * 60 * SECOND)
    last = NOW + 99 * SECOND
    assert not only(quick, last + int(SILENT_FROM * SECOND)).silent
    assert only(quick, last + int((SILENT_FROM + 1) * SECOND)).silent
    last = NOW + 99 * 60 * SECOND
    assert not only(slow, last + 150 * SECOND).silent
    assert only(slow, last + 200 * SECOND).silent
    back = NOW + 90_000 * SECOND
    quick.saw({WHO: 1}, back)
    assert only(quick, back + 12 * SECOND).silent


def test_memory_is_bounded() -> None:
    """The one that has been silent longest makes room, and is counted; long names are cut."""
    senders = Senders(NOW, most=3)
    for at in range(5):
        senders.saw({(f"host-{at}", ""): 1}, NOW + at)
    senders.saw({("host-2", ""): 1}, NOW + 5)
    report = senders.report(NOW + 6, 10)
    assert [each.source for each in report.senders] == ["host-2", "host-4", "host-3"]
    assert (report.kept, report.limit, report.forgotten, report.since) == (3, 3, 2, NOW)
    assert [each.source for each in senders.report(NOW + 6, 1).senders] == ["host-2"]
    senders.saw({("x" * 9_000, "y" * 9_000): 1}, NOW + 7)
    [longest] = senders.report(NOW + 7, 1).senders
    assert (len(longest.source), len(longest.session)) == (LONGEST_NAME, LONGEST_NAME)


def test_a_clock_that_was_set_back_counts_on() -> None:
    """Nothing is lost, no time runs backwards, and no rate is negative."""
    senders = Senders(NOW)
    for second in range(10):
        senders.saw({WHO: 10}, NOW + second * SECOND)
    senders.saw({WHO: 10}, NOW - 3600 * SECOND)
    sender = only(senders, NOW - 3600 * SECOND)
    assert sender.count == 110
    assert sender.last_time == NOW + 9 * SECOND
    assert sender.rate_10s >= 0
    assert not sender.silent


def test_a_flood_is_not_looked_at_metric_by_metric() -> None:
    """Exact for EXACT metrics of a second and for small batches; beyond it a batch counts whole, for each
    of those who fill it in turn; and the next second is exact again."""
    senders = Senders(NOW)
    mixed = [Metric("n", 1.0, source=source) for source in "ab" * 50]
    for _ in range(EXACT // 100):
        assert senders.count(mixed) == {("a", ""): 50, ("b", ""): 50}
    whole = [dict(senders.count(mixed)) for _ in range(10)]
    assert whole.count({("a", ""): 100}) == whole.count({("b", ""): 100}) == 5
    assert senders.count(mixed[:SMALL]) == {("a", ""): SMALL // 2, ("b", ""): SMALL // 2}
    senders.saw({}, NOW + SECOND)
    assert senders.count(mixed) == {("a", ""): 50, ("b", ""): 50}
