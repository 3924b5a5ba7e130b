"""Cut at every byte, flip every byte: what is torn is cut off, what is rotten is refused.

A segment's header and snapshot are synced before the segment gets its name, so no crash can cut into
them: where they are incomplete the journal is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

import pytest

from journal.framing import SECTOR, SEGMENT_HEADER_SIZE, Clean, Place, Record, Rotten, Torn, classify, records
from journal.log import Journal, Options
from journal.recovery import Recovered, recover
from journal.segment import JournalCorruptError, evidence_name, segment_name
from tests.journal.building import (
    SALT,
    SegmentBuilder,
    clock,
    folded,
    metrics,
    read_journal,
    start_of,
    values_in,
    varied_segment,
)
from tests.journal.platter import lose_all
from tests.journal.simdisk import SimDisk

pytestmark = pytest.mark.slow

RECORDS = 300
FILE_SIZE = 96 * 1024
DIRECTORY = "/data/journal"
PATH = f"{DIRECTORY}/{segment_name(0)}"


@cache
def segment() -> SegmentBuilder:
    built = varied_segment(RECORDS)
    assert len(built.places) > RECORDS
    assert len(built.data) < FILE_SIZE
    return built


def found_in(data: bytes) -> tuple[list[Record], Place, object]:
    """What recovery makes of a segment's bytes: its records, the place behind them, and the ending."""
    place = start_of(segment().header)
    found = []
    for record in records(data, place, SALT):
        found.append(record)
        place = place.after(record)
    return found, place, classify(data, place, SALT)


WINDOW = 4096
"""More than two of the largest records."""


def from_last_whole(data: bytes | bytearray, byte: int) -> tuple[int, object]:
    """As `found_in`, beginning at the record that holds `byte`: how many records before and there, and the
    ending. Those before it are untouched, and what stands there does not depend on them; nor on what is
    far behind: so a window of the segment is enough, and every byte can be tried."""
    index = max(0, bisect_right(positions(), byte) - 1)
    place = [start_of(segment().header), *segment().places][index]
    base = place.position // SECTOR * SECTOR
    window = bytes(data[base : base + WINDOW])
    place = place._replace(position=place.position - base)
    for record in records(window, place, SALT):
        index += 1
        place = place.after(record)
    return index, classify(window, place, SALT)


@cache
def positions() -> list[int]:
    """Where each record begins, and where the last one ends."""
    return [SEGMENT_HEADER_SIZE, *(place.position for place in segment().places)]


def whole_before(cut: int) -> int:
    """How many records end at or before byte `cut`."""
    return max(0, bisect_right(positions(), cut) - 1)


def disk_with(data: bytes) -> SimDisk:
    disk = SimDisk()
    disk.make_directory(DIRECTORY)
    disk.replace(PATH, data)
    for directory in ("/", "/data", DIRECTORY):
        disk.sync_directory(directory)
    return disk


def opened(disk: SimDisk) -> Recovered:
    return recover(disk, DIRECTORY, 99, FILE_SIZE)


def test_the_whole_segment_is_whole() -> None:
    """Undamaged, the segment has all its records and ends clean."""
    found, place, ending = found_in(segment().in_file(FILE_SIZE))
    assert len(found) == RECORDS + 1
    assert ending == Clean(place.position) == Clean(len(segment().data))


def test_truncated_at_every_byte() -> None:
    """A file cut at any byte has exactly the whole records before the cut; the rest is a torn tail, or
    nothing where the cut is between two records."""
    data = bytes(segment().data)
    for cut in range(segment().places[0].position, len(data)):
        found, ending = from_last_whole(data[:cut], cut)
        assert found == whole_before(cut), f"cut at byte {cut}"
        expected = Clean if cut in positions() else Torn
        assert isinstance(ending, expected), f"cut at byte {cut}: {ending}"


def zero_filled(cut: int) -> bytes:
    return bytes(segment().data[:cut]).ljust(FILE_SIZE, b"\0")


def test_zeroes_from_every_sector() -> None:
    """With all sectors from any one on never written, exactly the whole records before are found and
    what is left of the next one is torn."""
    data = segment().data
    for cut in range(SECTOR, len(data), SECTOR):
        found, place, ending = found_in(zero_filled(cut))
        assert len(found) == whole_before(cut)
        assert isinstance(ending, Clean if place.position == cut else Torn), f"zeroes from byte {cut}"


def test_zeroes_from_every_byte() -> None:
    """Disks do not write half a sector, but a journal filled up with zeroes from any byte opens all the
    same, but for the one that a flipped byte explains as well: only the last byte of a record missing."""
    data = segment().data
    for cut in range(segment().places[0].position, len(data)):
        base = cut // SECTOR * SECTOR
        start = max(0, base - WINDOW)
        near = bytes(start) + data[start:cut] + bytes(WINDOW)
        found, ending = from_last_whole(near, cut)
        assert found == whole_before(cut), f"zeroes from byte {cut}"
        expected = Clean if cut in positions() else Rotten if cut + 1 in positions() else Torn
        assert isinstance(ending, expected), f"zeroes from byte {cut}: {ending}"


def wrong_values(right: int, byte: int) -> set[int]:
    """A byte inverted, with one bit flipped, and zeroed."""
    return {right ^ 0xFF, right ^ (1 << byte % 8), 0} - {right}


def damages(data: bytes, byte: int) -> Iterator[bytes]:
    """`data` with one byte damaged, in each way."""
    for value in wrong_values(data[byte], byte):
        damaged = bytearray(data)
        damaged[byte] = value
        yield bytes(damaged)


def test_every_damaged_byte_is_detected() -> None:
    """Any byte of any record inverted, with one bit flipped, or zeroed: the records before it are found,
    it is not, none behind it is, and the damage is never called a torn tail: not in the last one either."""
    data = bytearray(segment().in_file(FILE_SIZE))
    for byte in range(SEGMENT_HEADER_SIZE, len(segment().data)):
        right = data[byte]
        for value in wrong_values(right, byte):
            data[byte] = value
            found, ending = from_last_whole(data, byte)
            data[byte] = right
            assert found == whole_before(byte), f"byte {byte}"
            assert isinstance(ending, Rotten), f"byte {byte}: {ending}"


@pytest.mark.parametrize("part", range(4))
def test_recovery_of_cuts(part: int) -> None:
    """For cuts throughout the segment, recovery opens with the whole records before the cut and their
    state, puts the rest aside byte for byte, and finds the same once more after a power cut."""
    data = bytes(segment().data)
    everything, _, _ = found_in(segment().in_file(FILE_SIZE))
    cuts = [*range(segment().places[0].position, len(data), 401), *range(len(data) - 40, len(data))]
    for cut in cuts[part::4]:
        for damaged in (data[:cut], zero_filled(cut // SECTOR * SECTOR)):
            whole = whole_before(len(damaged.rstrip(b"\0")) if len(damaged) == FILE_SIZE else cut)
            if whole == 0:
                continue
            disk = disk_with(damaged)
            recovered = opened(disk)
            assert recovered.place == segment().places[whole - 1]
            assert recovered.state == folded(everything[:whole])
            rest = damaged[recovered.place.position :].rstrip(b"\0")
            if rest:
                name = evidence_name(segment_name(0), recovered.place.position, 99)
                assert recovered.evidence == name
                assert disk.content(f"{DIRECTORY}/{name}") == rest
            else:
                assert recovered.evidence is None
            again = opened(disk.crash(lose_all))
            assert (again.place, again.state, again.torn) == (recovered.place, recovered.state, None)


@pytest.mark.parametrize("cut", [700, 5000, 17_001, 20_480, 33_333])
async def test_appending_after_a_cut(cut: int) -> None:
    """A journal whose tail was cut goes on right behind the last whole record."""
    disk = disk_with(bytes(segment().data[:cut]))
    options = Options(segment_bytes=FILE_SIZE)
    journal = await Journal.open(DIRECTORY, options=options, fs=disk, now=clock())
    whole = whole_before(cut)
    assert journal.recovered.place == segment().places[whole - 1]
    appended = await journal.append([metrics(1000, 3)])
    assert appended.first_offset == segment().places[whole - 1].next_offset + 1  # JournalOpened is before
    await journal.close()
    after = disk.crash(lose_all)
    assert values_in(read_journal(after, DIRECTORY))[-3:] == [1000.0, 1001.0, 1002.0]
    journal = await Journal.open(DIRECTORY, options=options, fs=after, now=clock())
    assert journal.recovered.state.accepted == whole - 1 + 3
    assert journal.recovered.torn is None
    await journal.close()


@pytest.mark.parametrize("part", range(4))
def test_recovery_refuses_damage_and_changes_nothing(part: int) -> None:
    """For bytes throughout the segment, and each of its header, recovery stops with JournalCorruptError
    and leaves every file as it was."""
    data = segment().in_file(FILE_SIZE)
    spread = [*range(SEGMENT_HEADER_SIZE + 8), *range(100, len(segment().data), 211)]
    last = segment().places[-2].position
    for byte in [*spread, *range(last, len(segment().data))][part::4]:
        for damaged in damages(data, byte):
            disk = disk_with(damaged)
            with pytest.raises(JournalCorruptError, match="repair"):
                opened(disk)
            assert disk.names(DIRECTORY) == [segment_name(0)]
            assert disk.content(PATH) == damaged


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_an_incomplete_head_is_refused(cut: int) -> None:
    """No crash leaves a segment with half a header or half a snapshot: it is refused, not emptied."""
    assert cut < segment().places[0].position
    for damaged in (bytes(segment().data[:cut]), zero_filled(cut)):
        with pytest.raises(JournalCorruptError):
            opened(disk_with(damaged))


async def recycled() -> tuple[SimDisk, str]:
    """A disk whose newest segment stands in a file that was a retired segment before, and its name."""
    disk = SimDisk()
    options = Options(segment_bytes=8192)
    journal = await Journal.open(DIRECTORY, options=options, fs=disk, now=clock())
    while len(journal.segments) < 3:
        await journal.append([metrics(journal.next_offset, 5, text=99)])
    await journal.retire([journal.segments[0].first_offset])
    used = disk.content(f"{DIRECTORY}/spare.new.part")
    assert used.strip(b"\0"), "what was retired is to be recycled with its old content"
    await journal.prepare()
    while len(journal.segments) < 3:
        await journal.append([metrics(journal.next_offset, 5, text=99)])
    for _ in range(3):
        await journal.append([metrics(journal.next_offset, 5, text=99)])
    name = journal.segments[-1].name
    assert len(disk.content(f"{DIRECTORY}/{name}")) == 8192, "it stands in the spare"
    await journal.close()
    return disk, name


async def test_damage_in_a_recycled_segment() -> None:
    """In a segment that stands where an older one stood, every damaged byte is detected as well."""
    disk, name = await recycled()
    data = disk.content(f"{DIRECTORY}/{name}")
    used = len(data.rstrip(b"\0"))
    for byte in range(used):
        disk.replace(f"{DIRECTORY}/{name}", next(damages(data, byte)))
        with pytest.raises(JournalCorruptError):
            opened(disk)


async def test_a_torn_tail_in_a_recycled_segment() -> None:
    """In a recycled segment, sectors that were not written are told from damaged ones: they are zeroes,
    not what the older segment left."""
    disk, name = await recycled()
    data = disk.content(f"{DIRECTORY}/{name}")
    before = read_journal(disk, DIRECTORY)
    torn = before[-2]  # the last one is JournalClosed
    boundary = -(-torn.position // SECTOR) * SECTOR
    assert boundary < torn.position + torn.size
    disk.replace(f"{DIRECTORY}/{name}", data[:boundary].ljust(len(data), b"\0"))
    recovered = opened(disk)
    assert recovered.torn is not None
    assert recovered.place.position == torn.position
