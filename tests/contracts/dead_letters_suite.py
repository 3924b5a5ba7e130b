"""What every DeadLetters must do. Subclass DeadLettersContract and give it a `setting` fixture."""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol, TypeAlias

import pytest
from msgspec.structs import replace

from journal.metric import Metric, Nanoseconds
from web.letters import Letter, LetterFilter, LetterUnderWayError, NoSuchLetterError
from web.ports import DeadLetters

Mood: TypeAlias = Literal["takes", "refuses", "away"]
"""How a store meets what is redriven."""

HOUR = 3_600_000_000_000
THEN = 1_700_000_000_000_000_000
METRIC = Metric("cpu", 1.5, 7, source="web-1", session="s", attributes={"zone": "a", "n": 2})
NOTHING = LetterFilter(ids=[])
ALL = LetterFilter()


class Setting(Protocol):
    """A queue, empty at first, with stores named "sqlite" and "supabase" behind it that take what comes."""

    queue: DeadLetters

    async def bury(
        self,
        metric: Metric = METRIC,
        *,
        store: str = "sqlite",
        cause: str = "check",
        error: str = "breaks a check",
        accepted_at: Nanoseconds = THEN,
        weather: bool = False,
    ) -> int:
        """Have `store` refuse `metric`; return the id of the letter once it waits."""
        ...

    def be(self, store: str, mood: Mood) -> None:
        """From now on `store` takes what is redriven, refuses it as before, or does not answer."""
        ...

    async def stored(self, store: str) -> list[Metric]:
        """What `store` has taken by redriving, in the order of the letters."""
        ...

    async def settled(self) -> None:
        """Return once nothing is on its way back that a store would answer to. Raises TimeoutError."""
        ...


def waiting(setting: Setting, which: LetterFilter = ALL) -> list[int]:
    return [letter.id for letter in setting.queue.page(which, 1000, None).letters]


class DeadLettersContract:
    @pytest.fixture
    async def setting(self) -> Setting:
        raise NotImplementedError("a queue's tests say how it is made, empty and with two stores")

    async def test_an_empty_queue_is_one_empty_page(self, setting: Setting) -> None:
        """Nothing waits, nothing matches, and there is no next page."""
        page = setting.queue.page(ALL, 10, None)
        assert (page.letters, page.cursor, page.matched, page.pending) == ([], None, 0, 0)

    async def test_a_letter_says_what_happened_to_which_metric(self, setting: Setting) -> None:
        """Shown alone it has the metric as it was accepted, to the last attribute; in a page it has none."""
        id_ = await setting.bury(cause="nul-byte", error="a NUL byte in name", weather=True)
        letter = await setting.queue.show(id_)
        assert letter.metric == METRIC
        assert (letter.id, letter.store, letter.name, letter.source) == (id_, "sqlite", "cpu", "web-1")
        assert (letter.cause, letter.error, letter.weather) == ("nul-byte", "a NUL byte in name", True)
        assert letter.accepted_at == THEN
        assert letter.attempts >= 1
        assert 0 < letter.first_failed_at <= letter.last_failed_at
        [listed] = setting.queue.page(ALL, 10, None).letters
        assert listed.metric is None
        assert (listed.id, listed.cause) == (id_, "nul-byte")

    async def test_pages_hold_every_letter_once_oldest_first(self, setting: Setting) -> None:
        """Whatever the size of a page; each page counts all that match and all that wait."""
        ids = [await setting.bury(Metric(f"m{number}", 1.0)) for number in range(7)]
        assert ids == sorted(set(ids))
        for limit in (1, 2, 3, 7, 100):
            seen: list[int] = []
            cursor, pages = None, 0
            while pages == 0 or cursor is not None:
                page = setting.queue.page(ALL, limit, cursor)
                assert 0 < len(page.letters) <= limit
                assert (page.matched, page.pending) == (7, 7)
                seen += [letter.id for letter in page.letters]
                cursor, pages = page.cursor, pages + 1
            assert seen == ids
            assert pages == -(-7 // limit)

    async def test_a_whole_page_has_the_metrics(self, setting: Setting) -> None:
        """It is the page of the same question, and each letter as if it alone were asked for."""
        ids = [await setting.bury(Metric(f"m{number}", float(number))) for number in range(3)]
        which = LetterFilter(ids=[ids[0], ids[2], 10**12])
        for limit, cursor in ((10, None), (1, None), (1, str(ids[0]))):
            plain = setting.queue.page(which, limit, cursor)
            whole = await setting.queue.whole_page(which, limit, cursor)
            assert [replace(letter, metric=None) for letter in whole.letters] == plain.letters
            assert whole.letters == [await setting.queue.show(letter.id) for letter in plain.letters]
            assert replace(whole, letters=[]) == replace(plain, letters=[])
        with pytest.raises(ValueError, match=r"elsewhere|cursor"):
            await setting.queue.whole_page(ALL, 1, "elsewhere")

    async def test_a_cursor_holds_while_letters_come_and_go(self, setting: Setting) -> None:
        """The letter it stands on may leave, and a new one may come: nothing is skipped or shown twice."""
        ids = [await setting.bury() for _ in range(4)]
        first = setting.queue.page(ALL, 2, None)
        await setting.queue.discard(ids[1])
        ids.append(await setting.bury())
        assert [letter.id for letter in setting.queue.page(ALL, 10, first.cursor).letters] == ids[2:]

    @pytest.mark.parametrize("cursor", ["", "x", "-", "½", "1 2", "\x00"])
    async def test_a_strange_cursor_is_refused(self, cursor: str, setting: Setting) -> None:
        """With a ValueError, also by an empty queue."""
        with pytest.raises(ValueError):  # noqa: PT011 - the port promises no more than this
            setting.queue.page(ALL, 10, cursor)

    async def test_filters_choose_what_matches_all_of_them(self, setting: Setting) -> None:
        """By store, cause, name, source, id, and when accepted: from `after` on, `before` not included."""
        a = await setting.bury(Metric("cpu", 1.0, source="x"), cause="check", accepted_at=THEN)
        b = await setting.bury(Metric("mem", 1.0, source="x"), cause="bad-type", accepted_at=THEN + HOUR)
        c = await setting.bury(Metric("cpu", 1.0), store="supabase", accepted_at=THEN + 2 * HOUR)
        for which, expected in (
            (ALL, [a, b, c]),
            (NOTHING, []),
            (LetterFilter(ids=[c, a, 10**15]), [a, c]),
            (LetterFilter(store="supabase"), [c]),
            (LetterFilter(store="postgres"), []),
            (LetterFilter(cause="bad-type"), [b]),
            (LetterFilter(name="cpu"), [a, c]),
            (LetterFilter(name="cp"), []),
            (LetterFilter(source="x"), [a, b]),
            (LetterFilter(source=""), [c]),
            (LetterFilter(after=THEN + HOUR), [b, c]),
            (LetterFilter(before=THEN + HOUR), [a]),
            (LetterFilter(after=THEN + 1, before=THEN + 2 * HOUR), [b]),
            (LetterFilter(name="cpu", source="x"), [a]),
            (LetterFilter(ids=[b], name="cpu"), []),
        ):
            page = setting.queue.page(which, 10, None)
            assert [letter.id for letter in page.letters] == expected, which
            assert (page.matched, page.pending) == (len(expected), 3), which

    async def test_a_letter_that_does_not_wait_is_named(self, setting: Setting) -> None:
        """Shown, redriven or discarded: NoSuchLetterError, and the others stay."""
        id_ = await setting.bury()
        for absent in (id_ + 1, 2**62):
            for asked in (setting.queue.show, setting.queue.discard):
                with pytest.raises(NoSuchLetterError, match=str(absent)):
                    await asked(absent)
            with pytest.raises(NoSuchLetterError):
                await setting.queue.redrive(absent, None)
        assert waiting(setting) == [id_]

    async def test_a_redriven_letter_is_stored_and_gone(self, setting: Setting) -> None:
        """Its store has the metric as it was accepted; the next who asks for it is told that it is gone."""
        first, second = await setting.bury(), await setting.bury()
        assert (await setting.queue.redrive(first, None)).outcome == "redriven"
        assert waiting(setting) == [second]
        assert await setting.stored("sqlite") == [METRIC]
        with pytest.raises(NoSuchLetterError):
            await setting.queue.redrive(first, None)

    async def test_an_edited_metric_is_stored_in_place(self, setting: Setting) -> None:
        """And the letter's own is not."""
        id_ = await setting.bury()
        mended = Metric("cpu", 2.5, 7, unit="s", source="web-1")
        assert (await setting.queue.redrive(id_, mended)).outcome == "redriven"
        assert await setting.stored("sqlite") == [mended]
        assert waiting(setting) == []

    async def test_what_is_refused_again_stays(self, setting: Setting) -> None:
        """With one attempt more, and the store's word for it; an edit that was refused changes nothing."""
        id_ = await setting.bury()
        before = await setting.queue.show(id_)
        setting.be("sqlite", "refuses")
        done = await setting.queue.redrive(id_, Metric("mended", 3.0))
        assert (done.id, done.outcome) == (id_, "refused")
        after = await setting.queue.show(id_)
        assert done.letter is not None
        assert done.letter.error == after.error != ""
        assert done.letter.attempts == after.attempts == before.attempts + 1
        assert after.metric == METRIC
        assert not after.redriving
        assert after.first_failed_at == before.first_failed_at <= after.last_failed_at

    async def test_a_store_that_is_away_gets_it_later(self, setting: Setting) -> None:
        """The letter is queued, seen to be on its way, and goes once the store is back."""
        id_ = await setting.bury()
        setting.be("sqlite", "away")
        assert (await setting.queue.redrive(id_, None)).outcome == "queued"
        assert (await setting.queue.show(id_)).redriving
        assert await setting.stored("sqlite") == []
        setting.be("sqlite", "takes")
        await setting.settled()
        assert waiting(setting) == []
        assert await setting.stored("sqlite") == [METRIC]

    @pytest.mark.parametrize("rate", [None, 1000.0])
    async def test_a_bulk_redrive_takes_what_matches(self, rate: float | None, setting: Setting) -> None:
        """Each letter to its own store, at whatever rate; what does not match stays where it is."""
        for number in range(20):
            store = "sqlite" if number % 2 else "supabase"
            await setting.bury(Metric(f"m{number}", float(number)), store=store)
        other = await setting.bury(cause="bad-type")
        bulk = await setting.queue.redrive_all(LetterFilter(cause="check"), dry_run=False, rate=rate)
        assert (bulk.matched, bulk.dry_run) == (20, False)
        await setting.settled()
        assert waiting(setting) == [other]
        assert [metric.value for metric in await setting.stored("sqlite")] == list(range(1, 20, 2))
        assert [metric.value for metric in await setting.stored("supabase")] == list(range(0, 20, 2))

    async def test_a_bulk_redrive_keeps_what_is_refused_again(self, setting: Setting) -> None:
        """One store takes and one refuses: the refused ones wait as before, and are on no way any more."""
        good = await setting.bury()
        bad = await setting.bury(store="supabase")
        setting.be("supabase", "refuses")
        assert (await setting.queue.redrive_all(ALL, dry_run=False, rate=None)).matched == 2
        await setting.settled()
        assert waiting(setting) == [bad]
        letter = await setting.queue.show(bad)
        assert (letter.redriving, letter.attempts) == (False, 2)
        with pytest.raises(NoSuchLetterError):
            await setting.queue.show(good)

    async def test_a_dry_run_counts_and_does_nothing(self, setting: Setting) -> None:
        """Of redriving and of discarding alike."""
        ids = [await setting.bury() for _ in range(3)]
        which = LetterFilter(ids=ids[:2])
        redriven = await setting.queue.redrive_all(which, dry_run=True, rate=None)
        discarded = await setting.queue.discard_all(which, dry_run=True)
        assert (redriven.matched, redriven.dry_run) == (discarded.matched, discarded.dry_run) == (2, True)
        await setting.settled()
        assert waiting(setting) == ids
        assert not any(letter.redriving for letter in setting.queue.page(ALL, 10, None).letters)
        assert await setting.stored("sqlite") == []

    async def test_a_discarded_letter_is_gone_for_good(self, setting: Setting) -> None:
        """One, then what matches; neither reaches a store."""
        ids = [await setting.bury() for _ in range(4)]
        await setting.queue.discard(ids[0])
        assert (await setting.queue.discard_all(LetterFilter(ids=ids[:3]), dry_run=False)).matched == 2
        assert waiting(setting) == [ids[3]]
        with pytest.raises(NoSuchLetterError):
            await setting.queue.discard(ids[0])
        await setting.settled()
        assert await setting.stored("sqlite") == []

    async def test_an_empty_choice_does_nothing(self, setting: Setting) -> None:
        """What matches nothing is no error, and touches nothing."""
        ids = [await setting.bury() for _ in range(2)]
        assert (await setting.queue.redrive_all(NOTHING, dry_run=False, rate=None)).matched == 0
        assert (await setting.queue.discard_all(NOTHING, dry_run=False)).matched == 0
        await setting.settled()
        assert waiting(setting) == ids

    async def test_many_at_once_take_a_letter_once(self, setting: Setting) -> None:
        """Ten people redrive the same letter: it is stored once, and the others are told that it is gone."""
        id_ = await setting.bury()

        async def attempt() -> str:
            try:
                return (await setting.queue.redrive(id_, None)).outcome
            except NoSuchLetterError:
                return "gone"

        outcomes = await asyncio.gather(*(attempt() for _ in range(10)))
        assert set(outcomes) <= {"redriven", "gone"}
        assert "redriven" in outcomes
        assert await setting.stored("sqlite") == [METRIC]

    async def test_redriving_and_discarding_at_once_leaves_nothing_between(self, setting: Setting) -> None:
        """Every letter is either stored or discarded, never both, and none is left."""
        metrics = [Metric(f"m{number}", float(number)) for number in range(30)]
        ids = [await setting.bury(metric) for metric in metrics]

        async def discard(id_: int) -> bool:
            try:
                await setting.queue.discard(id_)
            except (NoSuchLetterError, LetterUnderWayError):
                return False
            return True

        _, *discarded = await asyncio.gather(
            setting.queue.redrive_all(ALL, dry_run=False, rate=None), *(discard(id_) for id_ in ids[::2])
        )
        await setting.settled()
        assert waiting(setting) == []
        given_up = {metrics[2 * place].name for place, gone in enumerate(discarded) if gone}
        stored = [metric.name for metric in await setting.stored("sqlite")]
        assert len(stored) == len(set(stored))
        assert set(stored) == {metric.name for metric in metrics} - given_up

    async def test_letters_are_frozen_views(self, setting: Setting) -> None:
        """What was handed out stays as it was when the queue goes on."""
        id_ = await setting.bury()
        seen: Letter = await setting.queue.show(id_)
        setting.be("sqlite", "refuses")
        await setting.queue.redrive(id_, None)
        assert seen.attempts == 1
