from __future__ import annotations

import json as stdlib_json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.metric import Metric
from tests.web.receivers.strategies import TOO_MANY, batches, metrics, plain
from web.receivers import json, msgpack, ndjson
from web.receivers.errors import MAX_PROBLEMS, ReceiverError
from web.receivers.items import MetricIn, TimedMetricIn


def to_ndjson(items: list[Any]) -> bytes:
    return b"\n".join(msgspec.json.encode(item) for item in items)


PROTOCOLS: dict[str, tuple[Callable[[bytes], list[Metric]], Callable[[list[Any]], bytes]]] = {
    "json": (json.receive, msgspec.json.encode),
    "ndjson": (ndjson.receive, to_ndjson),
    "msgpack": (msgpack.receive, msgspec.msgpack.encode),
}
every_protocol = pytest.mark.parametrize(("receive", "encode"), PROTOCOLS.values(), ids=PROTOCOLS)


def refusal(receive: Callable[[bytes], list[Metric]], body: bytes) -> ReceiverError:
    with pytest.raises(ReceiverError) as caught:
        receive(body)
    return caught.value


@every_protocol
@given(batch=batches)
def test_what_is_encoded_is_received(receive: Any, encode: Any, batch: list[Metric]) -> None:
    """Any valid metrics come through in order and unchanged."""
    assert plain(receive(encode(batch))) == plain(batch)


@pytest.mark.parametrize("protocol", ["json", "msgpack"])
@given(metric=metrics)
def test_a_single_metric_needs_no_array(protocol: str, metric: Metric) -> None:
    """An object alone is a batch of one."""
    receive, encode = PROTOCOLS[protocol]
    assert plain(receive(encode(metric))) == plain([metric])  # type: ignore[arg-type]


@every_protocol
@given(batch=batches, seconds=st.integers(-8 * 10**9, 7 * 10**9))
def test_times_may_be_text_in_any_item(receive: Any, encode: Any, batch: list[Metric], seconds: int) -> None:
    """An RFC 3339 time beside integer ones: the others come through as on the fast path."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    received = receive(encode([*batch, {"name": "timed", "value": 1, "time": time.isoformat()}]))
    assert plain(received[:-1]) == plain(batch)
    assert received[-1].time == seconds * 10**9
    assert all(isinstance(metric, MetricIn) for metric in received)


@every_protocol
@given(body=st.binary(max_size=200))
def test_any_bytes_are_metrics_or_a_clear_refusal(receive: Any, encode: Any, body: bytes) -> None:
    """Nothing but ReceiverError comes out, and it always says something."""
    outcome: list[Metric] | str
    try:
        outcome = receive(body)
    except ReceiverError as error:
        outcome = error.detail
    assert outcome


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"value": 1}, "name", "missing required"),
    ({"name": "a"}, "value", "missing required"),
    ({"name": "", "value": 1}, "name", "length >= 1"),
    ({"name": "a" * 256, "value": 1}, "name", "length <= 255"),
    ({"name": 3, "value": 1}, "name", "Expected `str`, got `int`"),
    ({"name": "a", "value": "1"}, "value", "Expected `float`, got `str`"),
    ({"name": "a", "value": True}, "value", "Expected `float`, got `bool`"),
    ({"name": "a", "value": None}, "value", "Expected `float`, got `"),
    ({"name": "a", "value": 1, "kind": "meter"}, "kind", "Invalid enum value 'meter'"),
    ({"name": "a", "value": 1, "kimd": "gauge"}, "kimd", "unknown field"),
    ({"name": "a", "value": 1, "time": "yesterday"}, "time", "RFC 3339"),
    ({"name": "a", "value": 1, "time": "2026-11-23T12:00:00"}, "time", "zone"),
    ({"name": "a", "value": 1, "time": "2026-02-30T12:00:00Z"}, "time", "calendar"),
    ({"name": "a", "value": 1, "time": "2263-01-01T00:00:00Z"}, "time", "64 bits"),
    ({"name": "a", "value": 1, "time": 2**63}, "time", "9223372036854775807"),
    ({"name": "a", "value": 1, "time": 1.5}, "time", "got `float`"),
    ({"name": "a", "value": 1, "attributes": {"a": [1]}}, "attributes[...]", "got `array`"),
    ({"name": "a", "value": 1, "attributes": {"a": {"b": 1}}}, "attributes[...]", "got `object`"),
    ({"name": "a", "value": 1, "attributes": {"a": None}}, "attributes[...]", "`bool | int | float | str`"),
    ({"name": "a", "value": 1, "attributes": TOO_MANY}, "attributes", "length <= 128"),
]


@every_protocol
@pytest.mark.parametrize(
    ("bad", "field", "reason"), BAD, ids=[f"{field}: {reason}" for _, field, reason in BAD]
)
def test_a_bad_item_is_named_with_its_field(
    receive: Any, encode: Any, bad: dict[str, Any], field: str, reason: str
) -> None:
    """Index, field and reason; and the good items around it are not taken."""
    good = {"name": "a", "value": 1}
    error = refusal(receive, encode([good, good, bad, good]))
    assert [(problem.index, problem.field) for problem in error.problems] == [(2, field)]
    assert reason in error.problems[0].reason
    assert "nothing of this request was taken" in error.detail


@every_protocol
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(receive: Any, encode: Any, value: float) -> None:
    """NaN and the infinities, as each protocol can write them."""
    if encode is msgspec.msgpack.encode:
        error = refusal(receive, encode([{"name": "a", "value": value}]))
        assert (error.problems[0].index, error.problems[0].field) == (0, "value")
    else:
        assert refusal(receive, stdlib_json.dumps({"name": "a", "value": value}).encode()).detail


def test_a_number_beyond_float_is_refused_by_name() -> None:
    """1e999 and 400 nines are no finite values."""
    for number in (b"1e999", b"-1e999", b"9" * 400):
        error = refusal(json.receive, b'[{"name":"a","value":' + number + b"}]")
        assert (error.problems[0].field, error.problems[0].reason) == ("value", "Number out of range")


@every_protocol
def test_at_most_twenty_items_are_named(receive: Any, encode: Any) -> None:
    """The first twenty; the detail says that there may be more."""
    error = refusal(receive, encode([{"name": "a", "value": 1}, *[{"name": ""}] * 50]))
    assert [problem.index for problem in error.problems] == list(range(1, MAX_PROBLEMS + 1))
    assert error.detail.startswith("at least 20 items")


@pytest.mark.parametrize(
    ("receive", "body"),
    [
        (json.receive, b"[]"),
        (ndjson.receive, b"\n \n\r\n"),
        (msgpack.receive, b"\x90"),
        (json.receive, b" [ ] "),
    ],
)
def test_an_empty_batch_is_refused(receive: Any, body: bytes) -> None:
    """There is nothing to acknowledge."""
    assert "no metric" in refusal(receive, body).detail


@pytest.mark.parametrize(
    ("receive", "body"),
    [
        (json.receive, b"[" * 1_000_000),
        (json.receive, b'[{"name":"a","value":1,"attributes":{"a":' + b"[" * 1_000_000),
        (json.receive, b'{"a":' * 1_000_000),
        (ndjson.receive, b"[" * 1_000_000),
        (msgpack.receive, b"\x91" * 1_000_000),
        (msgpack.receive, b"\x81\xa1a" * 1_000_000),
        (msgpack.receive, b"\xdd\xff\xff\xff\xff"),
        (msgpack.receive, b"\xdf\xff\xff\xff\xff"),
        (msgpack.receive, b"\x81\xdb\xff\xff\xff\xff"),
    ],
)
def test_deep_nesting_and_boundless_lengths_are_refused(receive: Any, body: bytes) -> None:
    """Neither the stack nor memory follows what the client claims."""
    assert refusal(receive, body).detail


@pytest.mark.parametrize("body", [b'{"name":"a\xff","value":1}', b'{"name":"\xed\xa0\x80","value":1}'])
def test_invalid_utf_8_is_refused_by_item(body: bytes) -> None:
    """A string that no store could keep names its item."""
    for receive, whole in ((json.receive, b"[" + body + b"]"), (json.receive, body), (ndjson.receive, body)):
        problem = refusal(receive, whole).problems[0]
        assert problem.index == 0
        assert "UTF-8" in problem.reason


@pytest.mark.parametrize(
    "escape", [b"\\ud800", b"\\ud800\\u0041", b"\\udc00", b"\\ud800x", b"\\udc00\\ud800"]
)
def test_half_a_character_is_refused(escape: bytes) -> None:
    """A lone surrogate is malformed: no store could keep it as UTF-8."""
    assert refusal(json.receive, b'{"name":"' + escape + b'","value":1}').detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"nonsense",
        b'{"name":"a","value":1',
        b'[{"name":"a","value":1},]',
        b"{}x",
        b"\xef\xbb\xbf{}",
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    """With the reason, and where it has one, the byte."""
    assert refusal(json.receive, body).detail


@pytest.mark.parametrize("body", [b"1", b'"a"', b"null", b"true"])
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    """A scalar is no metric."""
    assert "array of objects" in refusal(json.receive, body).detail


def test_an_error_in_ndjson_names_the_line() -> None:
    """Blank lines count; the index is from 0, the reason speaks of lines from 1."""
    error = refusal(ndjson.receive, b'\n{"name":"a","value":1}\r\n\r\n{"name":"a","value":}\n')
    assert error.problems[0].index == 3
    assert error.problems[0].reason.startswith("line 4: ")


def test_millions_of_fields_are_refused_quickly() -> None:
    """An object of a million fields, and attributes of a million keys."""
    fields = b",".join(b'"f%d":1' % number for number in range(1_000_000))
    assert (
        refusal(json.receive, b"{" + fields + b"}").problems[0].reason.startswith("Object contains unknown")
    )
    attributes = b'{"name":"a","value":1,"attributes":{' + fields + b"}}"
    assert refusal(json.receive, attributes).problems[0].field == "attributes"


def test_both_structs_describe_the_same_metric() -> None:
    """The slow path checks what the fast one checks: same fields, bounds and defaults, time apart."""

    def described(struct: type) -> dict[str, Any]:
        described_struct = msgspec.inspect.type_info(struct)
        assert isinstance(described_struct, msgspec.inspect.StructType)
        return {field.name: field for field in described_struct.fields if field.name != "time"}

    assert described(TimedMetricIn) == described(MetricIn) == described(Metric)
