"""The questions a person asks of a journal, answered as iterators of frozen Structs. Nothing here prints,
writes or takes a lock.

    folder     what lies in the directory, and who writes there
    skim       the lean loop over plain records
    walk       record by record through a segment, over damage too
    holding    how many metrics a record holds, its events or its metrics decoded
    folding    what a segment holds, and what is wrong in it
    whole      a segment read to its end
    links      how segments belong together
    findings   what can be wrong, how bad it is, and what helps
    verify     all of these over a whole journal
    parallel   work on several cores
    selection  which metrics and events somebody wants to see
    lines      what a metric or an event looks like as a line
    stretches  the lean loop for whoever wants what is in the records
    picking    the lines of a selection in a record
    dump       those of a journal, one line each
    backwards  a segment's records, the last first
    follow     what is appended, while it is
    tail       the last lines, and those that come
    counting   how much of what is in records, in bounded memory (frequent, timeline, growth, lean)
    stat       that of a journal, where its stores are, how fast it grows
    upto       folds one segment up to a point
    history    what a journal had folded to at any point of its past
    changes    what differs between two points

A new question is a new module here, and a command of its own in journal/cli that prints the answer.
"""

from journal.inspect.dump import dump, dump_json, dump_raw
from journal.inspect.findings import Finding, Gravity, worst
from journal.inspect.folder import journal_directory, segment_sizes, writer_of
from journal.inspect.history import (
    Past,
    PastRetiredError,
    accepted_before,
    in_full,
    state_at,
    whole_fold,
)
from journal.inspect.lines import ControlLine, Line, MetricLine
from journal.inspect.selection import CONTROL_KINDS, METRIC_KINDS, Bound, Selection
from journal.inspect.upto import Marks, PastDamagedError
from journal.inspect.verify import verify, verify_newest
from journal.inspect.walk import Damage
from journal.inspect.whole import SegmentReport

__all__ = [
    "CONTROL_KINDS",
    "METRIC_KINDS",
    "Bound",
    "ControlLine",
    "Damage",
    "Finding",
    "Gravity",
    "Line",
    "Marks",
    "MetricLine",
    "Past",
    "PastDamagedError",
    "PastRetiredError",
    "SegmentReport",
    "Selection",
    "accepted_before",
    "dump",
    "dump_json",
    "dump_raw",
    "in_full",
    "journal_directory",
    "segment_sizes",
    "state_at",
    "verify",
    "verify_newest",
    "whole_fold",
    "worst",
    "writer_of",
]
