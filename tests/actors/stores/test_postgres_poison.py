"""What the native store says of metrics that cannot be stored: the cause, and which where it knows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.stores.base import DeniedError, PoisonError
from journal.metric import Metric, Offset
from tests.actors.stores.postgres_scene import (
    Scene,
    local_databases,
    local_postgres,
    migrated_database,
    scene,
)
from tests.contracts.store_rows import T0, plain, rows_of

__all__ = ["local_databases", "local_postgres", "migrated_database", "scene"]

GOOD = Metric(name="load", value=1.0)
AT = 1_234
"""Where the bad row is, behind what COPY buffers at a time."""


async def poisoned(scene: Scene, *bad: Metric, first: int = 0) -> PoisonError:
    """What `write` raises for `bad` among good rows, of which nothing is stored."""
    store = await scene.store()
    rows = [*plain(first, AT), *rows_of(bad, AT), *plain(AT + len(bad), 2_000)]
    with pytest.raises(PoisonError) as caught:
        await store.write(rows, Offset(2_000))
    assert scene.count() == (0, 0)
    assert scene.sql("select count(*) from cursors") == "0"
    left_out = {AT + at for at in range(len(bad))}
    good = [row for row in rows if row.offset not in left_out]
    await store.write(good, Offset(2_000))
    assert scene.count() == (len(good), len(good))
    return caught.value


def bad(**fields: Any) -> Metric:
    return msgspec.structs.replace(GOOD, **fields)


@pytest.mark.parametrize(
    ("metric", "cause"),
    [
        (bad(name="n" * 256), "check"),
        (bad(name=""), "check"),
        (bad(source="s" * 769), "check"),
        (bad(session="s" * 769), "check"),
        (bad(kind="unheard of"), "check"),
        (bad(name="nul \0"), "nul-byte"),
        (bad(attributes={"k": "\0"}), "nul-byte"),
        (bad(unit="\ud800"), "bad-text"),
        (bad(time=2**63), "out-of-range"),
        (bad(attributes={"k": 2**63}), "out-of-range"),
        (bad(value=float("nan")), "bad-type"),
    ],
    ids=["long-name", "no-name", "long-source", "long-session", "kind", "nul", "nul-inside", "surrogate",
         "time", "integer", "nan"],
)  # fmt: skip
async def test_a_bad_metric_is_named_with_its_cause(scene: Scene, metric: Metric, cause: str) -> None:
    """One bad row behind more than a thousand good ones is known at once, and the rest pass without it."""
    error = await poisoned(scene, metric)
    assert error.cause == cause
    assert [(refusal.offset, refusal.cause) for refusal in error.refusals] == [(AT, cause)]


async def test_all_that_the_client_can_see_are_named_together(scene: Scene) -> None:
    """However many rows no server could hold, one attempt tells them all."""
    error = await poisoned(scene, bad(name="\0"), bad(unit="\udfff"), bad(time=-(2**63) - 1))
    assert [refusal.cause for refusal in error.refusals] == ["nul-byte", "bad-text", "out-of-range"]
    assert "and 2 others" in str(error)


async def test_a_broken_check_names_its_constraint(scene: Scene) -> None:
    """Whoever looks at the dead letter reads which rule of the table it breaks."""
    scene.sql("alter table metrics add constraint no_secrets check (unit <> 'secret')")
    error = await poisoned(scene, bad(unit="secret"))
    assert (error.cause, error.code) == ("check", "23514")
    assert "no_secrets" in str(error)


async def test_all_that_break_checks_are_named_together(scene: Scene) -> None:
    """The server stops at the first bad row, and is asked for the others: one attempt tells them all, each
    with its constraints."""
    scene.sql("alter table metrics add constraint no_secrets check (unit <> 'secret')")
    error = await poisoned(scene, bad(unit="secret"), bad(name=""), bad(name="", unit="secret"))
    assert [(refusal.offset, refusal.cause) for refusal in error.refusals] == [
        (AT + n, "check") for n in range(3)
    ]
    details = [refusal.detail for refusal in error.refusals]
    assert details[0].endswith("no_secrets")
    assert details[1].endswith("metrics_name_length")
    assert details[2].endswith("metrics_name_length, no_secrets")


async def test_among_rows_that_are_there_the_bad_are_named_too(scene: Scene) -> None:
    """A batch of which some is stored already is searched in the same way."""
    store = await scene.store()
    await store.write(plain(0, 500), Offset(500))
    rows = [*plain(0, 700), *rows_of([bad(name="")], 700)]
    with pytest.raises(PoisonError) as caught:
        await store.write(rows, Offset(701))
    assert [refusal.offset for refusal in caught.value.refusals] == [700]
    assert scene.count() == (500, 500)


async def test_where_a_check_cannot_be_asked_for_the_first_is_named(scene: Scene) -> None:
    """A check that will not be asked outside of an insert: the line of COPY names the first bad row."""
    scene.sql(
        "create function fine(unit text) returns bool language plpgsql as $$begin"
        " if to_regclass('pg_temp.forebay_suspects') is not null then raise 'not here'; end if;"
        " return unit <> 'no'; end$$;"
        "alter table metrics add constraint shy check (fine(unit))"
    )
    error = await poisoned(scene, bad(unit="no"))
    assert [refusal.offset for refusal in error.refusals] == [AT]


@pytest.mark.parametrize(
    ("rule", "metric", "cause", "named"),
    [
        (
            "create table sources (source text primary key); insert into sources values ('');"
            "alter table metrics add foreign key (source) references sources",
            bad(source="unknown"),
            "foreign-key",
            False,
        ),
        ("alter table metrics alter unit type varchar(5)", bad(unit="seconds"), "too-large", False),
        (
            "create function no() returns trigger language plpgsql as"
            " $$begin if new.unit = 'no' then raise 'not that one'; end if; return new; end$$;"
            "create trigger no before insert on metrics for each row execute function no()",
            bad(unit="no"),
            "refused",
            True,
        ),
        (
            "create index on metrics (unit)",
            bad(unit="".join(map(chr, range(256, 9_000)))),
            "too-large",
            False,
        ),
    ],
    ids=["foreign-key", "too-long", "trigger", "index-row"],
)
async def test_what_the_owner_has_forbidden_has_its_cause(
    scene: Scene, rule: str, metric: Metric, cause: str, named: bool
) -> None:
    """Rules added to the tables make dead letters too; a row is named only where that is certain."""
    scene.sql(rule)
    error = await poisoned(scene, metric)
    assert error.cause == cause
    assert [refusal.offset for refusal in error.refusals] == ([AT] if named else [])


async def test_another_key_of_the_owner_is_no_repeat(scene: Scene) -> None:
    """A row that breaks another unique key is poison, and not taken for one that is there already."""
    scene.sql('create unique index on metrics (unit, "time")')
    store = await scene.store()
    await store.write(rows_of([Metric(name="a", value=1.0, time=T0)]), Offset(1))
    with pytest.raises(PoisonError) as caught:
        await store.write(rows_of([Metric(name="a", value=2.0, time=T0)], 1), Offset(2))
    assert caught.value.cause == "duplicate"


async def test_a_column_of_another_type_is_no_fault_of_the_data(scene: Scene) -> None:
    """Tables that somebody has changed are denied, not a reason to dead-letter everything."""
    store = await scene.store()
    scene.sql("alter table metrics alter value type real")
    with pytest.raises(DeniedError, match="run `forebay db migrate`"):
        await store.write(plain(0, 10), Offset(10))
