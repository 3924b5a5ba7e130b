"""The SQL of a series, and the parameters that it takes. Pure.

An attribute is looked for in the text of the column: SQLite's functions for JSON cut texts at a NUL and
give numbers otherwise than they were printed, and are no faster. msgspec has written the column, and spells
each string and each number in one way, without spaces. With its braces taken for commas it has
`,"key":value,` where, and only where, it has that attribute: a quote inside a string has a backslash before
it, so `,"` begins a key. It could end a string instead, but then a colon, a comma or a brace follows: only
keys that begin with one of them are looked at twice.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from web.ports import AttributeFilter

_SCALAR = re.compile(r"true|false|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_encode = msgspec.json.Encoder().encode

# SQLite divides towards zero; the correction makes it floor. What comes out is the step's number, not its
# time, which may lie outside 64 bits. A step that does itself is NULL: it has one point on each side of zero.
_SERIES = """
SELECT source, coalesce(time / :step - (time % :step < 0), -(time < 0)) AS number,
  min(value), avg(value), max(value), count(*)
FROM metrics
WHERE name = :name AND time BETWEEN {first} AND {last} AND (:source IS NULL OR source = :source){others}
GROUP BY source, number
ORDER BY source, number
"""

# In the same statement, and so in the same snapshot. NULL, and then nothing, where there is no such session.
_OF_SESSION = "(SELECT {0} FROM streams WHERE name = :name AND session = :session)"

_COMMAS = "',' || substr(attributes, 2, length(attributes) - 2) || ','"

_UNUSUAL = """ AND EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = :{0}_key
  AND (type = 'text' AND value = :{0}_text OR type IN ('true', 'false') AND type = :{0}_text
    OR type IN ('integer', 'real') AND value = CAST(:{0}_text AS NUMERIC)))"""


def series(session: str | None, attributes: AttributeFilter) -> tuple[str, dict[str, Any]]:
    """The statement for a series of `session` and with `attributes`, and their parameters; `name`, `first`,
    `last`, `step` and `source` are to be added."""
    first, last, others = ":first", ":last", ""
    parameters: dict[str, Any] = {}
    if session is not None:
        # A session is short: its times spare most of the window.
        first = f"max(:first, {_OF_SESSION.format('min(first_time)')})"
        last = f"min(:last, {_OF_SESSION.format('max(last_time)')})"
        others += " AND session = :session"
        parameters["session"] = session
    for at, (key, text) in enumerate(attributes):
        condition, own = _attribute(f"a{at}", key, text)
        others += condition
        parameters |= own
    return _SERIES.format(first=first, last=last, others=others), parameters


def _attribute(name: str, key: str, text: str) -> tuple[str, dict[str, str]]:
    quoted = _encode(key).decode()
    parameters = {name: f",{quoted}:{_encode(text).decode()},"}
    condition = f" AND (instr({_COMMAS}, :{name})"
    if _SCALAR.fullmatch(text) is not None:
        parameters[f"{name}_bare"] = f",{quoted}:{text},"
        condition += f" OR instr({_COMMAS}, :{name}_bare)"
    condition += ")"
    if key[:1] in (":", ",", "}"):
        parameters |= {f"{name}_key": key, f"{name}_text": text}
        condition += _UNUSUAL.format(name)
    return condition, parameters
