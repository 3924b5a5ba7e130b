"""`forebay audit` as it is typed."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from actors.cli.shell import main
from actors.core.accounts import Audit
from actors.core.rows import rows_of
from actors.stores.base import Row
from actors.stores.sqlite import SqliteStore
from journal.events import Appendable, OffsetsLost, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.reader import reading
from journal.segment import segment_name

pytestmark = pytest.mark.slow  # whole systems or programs of their own

COUNT = 5_000


def home(path: Path, *events: Appendable) -> Path:
    """A data directory as a process leaves it that has stored everything."""
    path.mkdir()
    asyncio.run(_make(path, list(events)))
    return path


async def _make(path: Path, events: list[Appendable]) -> None:
    journal = await Journal.open(str(path / "journal"))
    metrics = [Metric("m", float(at), source="worker", attributes={"at": at}) for at in range(COUNT)]
    await journal.append([pack_metrics(metrics)])
    for event in events:
        await journal.append([event])
    journal_id, end = str(journal.id), journal.next_offset
    await journal.close()
    rows: list[Row] = []
    async with reading(journal.directory, Offset(0)) as reader:
        while records := await reader.read():
            rows += [row for record in records for row in rows_of(record, Offset(0))]
    store = SqliteStore(str(path / "forebay.db"))
    await store.open(journal_id)
    await store.write(rows, end)
    await store.close()


def change(path: Path, sql: str) -> None:
    with sqlite3.connect(path / "forebay.db") as database:
        database.execute(sql)
    database.close()


def audited(path: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    """The exit code and what was printed, of which no line is longer than a terminal's."""
    code = main(["audit", "--data", str(path), *flags])
    out, err = capsys.readouterr()
    if "--json" not in flags:
        assert max(map(len, out.splitlines()), default=0) <= 80, out
    return code, out + err


@pytest.mark.parametrize("flags", [(), ("--quick",)])
def test_all_that_was_accepted_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """Exit code 0, and whether rows were compared is said."""
    code, told = audited(home(tmp_path / "data"), capsys, *flags)
    assert code == 0, told
    assert "balances" in told
    assert ("every row is right" in told) is not bool(flags)
    assert ("--quick" in told) is bool(flags)


def test_a_row_that_somebody_changed_is_shown_with_both_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; what a terminal would obey is escaped."""
    data = home(tmp_path / "data")
    change(data, "UPDATE metrics SET value = 0.5, source = char(27) || '[2J' WHERE \"offset\" = 9")
    code, told = audited(data, capsys)
    assert code == 1
    assert "offset 9" in told
    assert "journal  7.0" in told
    assert "store    0.5" in told
    assert "\x1b" not in told
    assert "DOES NOT BALANCE" in told
    assert audited(data, capsys, "--quick")[0] == 0


def test_json_is_bounded_however_much_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts are whole, lists are not; and it is what the types say."""
    data = home(tmp_path / "data")
    change(data, "UPDATE metrics SET unit = 'x' WHERE \"offset\" % 2 = 0")
    change(data, 'DELETE FROM metrics WHERE "offset" % 4 = 1')
    code, told = audited(data, capsys, "--json")
    found = msgspec.json.decode(told, type=Audit)
    [account] = found.stores
    assert (code, account.differing.count, account.missing.count) == (1, COUNT // 2, COUNT // 4)
    assert len(told) < 60_000
    assert "and 2,480 more" in audited(data, capsys)[1]


@pytest.mark.parametrize("flags", [(), ("--quick",)])
def test_age_excuses_nothing_in_a_store_that_keeps_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """Where store_keep_days is 0, as it is unless set, a row that is gone is missing however old it is."""
    data = home(tmp_path / "data", pack_metrics([Metric("old", 1.0, time=1)]))
    assert audited(data, capsys, *flags)[0] == 0
    change(data, "DELETE FROM metrics WHERE name = 'old'")
    assert audited(data, capsys, *flags)[0] == 1


@pytest.mark.parametrize("flags", [(), ("--quick",)])
def test_a_cursor_beyond_the_journals_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """All that is there is right, but what comes next would be passed over."""
    data = home(tmp_path / "data")
    change(data, 'UPDATE cursors SET "offset" = "offset" + 1000')
    code, told = audited(data, capsys, *flags)
    assert code == 1
    assert "ahead" in told
    assert "DOES NOT BALANCE" in told


def test_what_is_missing_can_be_sent_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that helps is named, and helps."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    data = home(tmp_path / "data")
    change(data, 'DELETE FROM metrics WHERE "offset" % 4 = 1')
    code, told = audited(data, capsys)
    assert code == 1
    assert "`forebay journal replay --to STORE`" in told
    assert main(["journal", "replay", str(data), "--to", f"sqlite:///{data / 'forebay.db'}"]) == 0
    capsys.readouterr()
    assert audited(data, capsys)[0] == 0


def test_what_a_repair_gave_up_ends_with_1_until_it_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was accepted and is not there: whoever looks at exit codes alone hears of it."""
    data = home(tmp_path / "data", OffsetsLost(10, 8, "damaged"))
    code, told = audited(data, capsys)
    assert code == 1
    assert "8 in 5002-5011" in told
    assert "DOES NOT" not in told
    assert audited(data, capsys, "--accept-lost")[0] == 0
    change(data, 'DELETE FROM metrics WHERE "offset" = 9')
    assert audited(data, capsys, "--accept-lost")[0] == 1


@pytest.mark.parametrize(("byte", "found"), [(0, "header damaged"), (1_000, "record damaged")])
def test_a_damaged_journal_ends_with_3(
    byte: int, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what, where, and which command helps, in a line: it does not pass for one that ends there."""
    data = home(tmp_path / "data")
    segment = data / "journal" / segment_name(0)
    damaged = bytearray(segment.read_bytes())
    damaged[byte : byte + 8] = b"NONSENSE"
    segment.write_bytes(damaged)
    code, told = audited(data, capsys)
    assert code == 3
    assert len(told.splitlines()) == 1
    assert segment_name(0) in told
    assert found in told


def test_where_there_is_no_journal_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a line, and makes nothing."""
    code, told = audited(tmp_path / "none", capsys)
    assert code == 1
    assert "no journal here" in told
    assert not (tmp_path / "none").exists()
