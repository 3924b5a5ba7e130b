"""`forebay journal repair` as a person and a script use it, and a real process before and after."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from journal.__main__ import main
from journal.disk import exclusive_lock
from tests.journal.repair.scene import contents, damaged, record_in
from tests.journal.test_inspect_verify import names_in
from tests.process.forebay import Forebay, numbers


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["repair", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def rot(path: Path) -> None:
    name = names_in(path)[1]
    damaged(path, name, lambda data: data.__setitem__(record_in(path, name, 9).position + 60, 0xFF))


async def test_from_a_dry_run_to_nothing_to_do(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The dry run changes nothing, tells what is lost and the next command, and leaves with 3; --apply does
    it and leaves with 0, after which there is nothing to do. No line is wider than 80 columns."""
    rot(journal)
    record = record_in_truth(journal)
    before = contents(journal)
    code, out, err = run(capsys, str(journal.parent))
    assert (code, err) == (3, "")
    assert contents(journal) == before
    assert f"offsets {record[0]} to {record[1]} lost (3 metrics)" in " ".join(out.split())
    assert out.splitlines()[-1].startswith(f"next: `forebay journal repair {journal.parent} --apply`")
    # The directory's own name may be long.
    assert all(len(line.replace(str(journal.parent), "data")) <= 80 for line in out.splitlines())
    code, out, err = run(capsys, str(journal.parent), "--apply")
    assert (code, err) == (0, "")
    assert "repaired: " in out
    code, out, err = run(capsys, str(journal))
    assert (code, out, err) == (0, "nothing to do: 6 segments, all in order\n", "")


def record_in_truth(path: Path) -> tuple[int, int]:
    """The offsets that `rot` takes, as the records around say."""
    name = names_in(path)[1]
    before = record_in(path, name, 8)
    return before.next_offset, before.next_offset + 2


async def test_json(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json it is one object, the same that lies in the quarantine afterwards but for the writer."""
    rot(journal)
    code, out, _ = run(capsys, str(journal), "--json")
    told = json.loads(out)
    assert (code, told["gravity"], told["applied"], told["writer"]) == (3, "corrupt", False, None)
    assert told["lost_offsets"] == 3
    assert told["work"][0]["lost"][0]["metrics"] == 3
    code, out, _ = run(capsys, str(journal), "--json", "--apply")
    told = json.loads(out)
    assert code == 0
    kept = json.loads((journal / told["quarantine"] / "report.json").read_bytes())
    assert {**kept, "writer": None} == told


async def test_beside_a_process(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--apply is refused with 4 and the pid of who runs; the dry run says that a write may be under way."""
    rot(journal)
    before = contents(journal)
    with exclusive_lock(str(journal.parent)):
        code, out, err = run(capsys, str(journal), "--apply")
        assert (code, out) == (4, "")
        assert f"process {os.getpid()}" in err
        assert len(err.splitlines()) == 1
        code, out, err = run(capsys, str(journal))
        assert code == 3
        assert "may be a write under way" in err
    assert contents(journal) == before


async def test_an_id_that_no_file_says(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no header can be read, the id is asked for; with it, everything is salvaged."""
    for name in names_in(journal):
        damaged(journal, name, lambda data: data.__setitem__(slice(0, 64), bytes(64)))
    code, out, err = run(capsys, str(journal), "--apply")
    assert (code, out) == (3, "")
    assert "--journal-id" in err
    known = "01234567-89ab-4cde-8f01-23456789abcd"
    code, out, err = run(capsys, str(journal), "--apply", "--journal-id", known)
    assert (code, err) == (0, "")
    assert "nothing is lost" in out
    assert main(["verify", str(journal)]) == 0
    code, out, err = run(capsys, str(journal), "--journal-id", "mine")
    assert code == 2
    # A slip of the hand would use up the offsets that there are.
    code, out, err = run(capsys, str(journal), "--apply", "--next-offset", str(2**48 + 1))
    assert (code, out) == (2, "")
    assert "further than any journal goes" in err


async def test_a_newest_segment_that_is_gone(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no file tells a person can: offsets that have been given are not given again."""
    (journal / names_in(journal)[-1]).unlink()
    assert run(capsys, str(journal))[0] == 0
    code, out, _ = run(capsys, str(journal), "--apply", "--next-offset", "5000")
    assert code == 0
    assert "New ones go on at offset 5001" in " ".join(out.split())
    assert run(capsys, str(journal), "--next-offset", "5000")[1].startswith("nothing to do")


async def test_pages_that_the_disk_does_not_give(
    journal: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page with a read error is taken for lost, and all around it is kept."""
    name = names_in(journal)[1]
    inode = (journal / name).stat().st_ino
    real = os.pread

    def failing(fd: int, size: int, position: int) -> bytes:
        if os.fstat(fd).st_ino == inode and position < 8192 and position + size > 4096:
            raise OSError(5, "Input/output error")
        return real(fd, size, position)

    monkeypatch.setattr(os, "pread", failing)
    code, out, _ = run(capsys, str(journal), "--json", "--apply")
    told = json.loads(out)
    assert (code, told["unreadable_bytes"]) == (0, 4096)
    (loss,) = [loss for work in told["work"] for loss in work["lost"]]
    assert loss["exact"]
    monkeypatch.undo()
    assert main(["verify", str(journal)]) == 0


@pytest.mark.slow
def test_a_real_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed, damaged in the middle and at the end: `run` refuses with 3 and names the command, the repair
    mends it, and the process goes on: it drains, takes more, gives no offset twice."""
    forebay = Forebay(
        tmp_path / "forebay", env={"FOREBAY_SEGMENT_BYTES": "1MiB", "FOREBAY_LOG_FORMAT": "json"}
    )
    try:
        forebay.start()
        sent = 0
        while forebay.status()["journal"]["segments"] < 3:
            forebay.post(numbers(sent, 5000)).raise_for_status()
            sent += 5000
        drained = forebay.drained()["journal"]["next_offset"]
        forebay.kill()
        path = forebay.data / "journal"
        names = names_in(path)
        middle = record_in(path, names[1], 2)
        damaged(path, names[1], lambda data: data.__setitem__(middle.position + 2000, 0xC1))
        damaged(path, names[2], lambda data: data.__setitem__(20, data[20] ^ 1))
        assert forebay.spawn().wait() == 3
        assert "forebay journal repair" in forebay.log().splitlines()[-1]
        assert main(["repair", str(forebay.data)]) == 3
        assert main(["repair", str(forebay.data), "--apply"]) == 0
        capsys.readouterr()
        assert main(["verify", str(forebay.data)]) == 0
        forebay.start()
        answer = forebay.post(numbers(sent, 10)).raise_for_status().json()
        assert answer["first_offset"] >= drained
        forebay.drained()
        assert forebay.values() == [float(value) for value in range(sent + 10)]
        assert forebay.terminate() == 0
        code = main(["repair", str(forebay.data)])
        assert (code, capsys.readouterr().out.splitlines()[-1][:13]) == (0, "nothing to do")
    finally:
        forebay.close()


@pytest.mark.slow
async def test_a_loss_that_a_store_has_yet_to_meet(tmp_path: Path) -> None:
    """A store that is fed anew meets the loss, passes over it, and holds everything else."""
    forebay = Forebay(tmp_path / "forebay", env={"FOREBAY_SEGMENT_BYTES": "1MiB"})
    try:
        forebay.start()
        sent = 0
        while forebay.status()["journal"]["segments"] < 3:
            forebay.post(numbers(sent, 1000)).raise_for_status()
            sent += 1000
        assert forebay.terminate() == 0
        path = forebay.data / "journal"
        record = next(
            each
            for each in (record_in(path, names_in(path)[0], which) for which in range(3, 100))
            if each.plain
        )
        damaged(path, names_in(path)[0], lambda data: data.__setitem__(record.position + 2000, 0xC1))
        assert main(["repair", str(forebay.data), "--apply"]) == 0
        forebay.env["FOREBAY_STORE"] = "sqlite:///second.db"
        forebay.start()
        forebay.drained()
        held = len(forebay.values(forebay.home / "second.db"))
        assert held == sent - record.count
        assert forebay.terminate() == 0
    finally:
        forebay.close()
