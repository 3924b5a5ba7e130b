"""The outage matrix: what happens to a database, at which moment of a Forebay's life, and what came of it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from tests.process.forebay import LIMIT, Forebay, environment
from tests.supabase.database_faults import despite_deadlocks, drop_connections
from tests.supabase.faults import Faults
from tests.supabase.stack import LocalSupabase

BATCH = 25
GRACEFUL = 3.0
PROMPT = 1.0
"""Seconds within which a POST is answered, whatever the store does; on a busy machine not each, but most."""
SETTINGS = {
    "FOREBAY_SEGMENT_BYTES": "1MiB",
    "FOREBAY_STORE_TIMEOUT": "2",
    "METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD": "2",
    "METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT": "1",
    "METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT": f"{GRACEFUL:g}",
}
FIELDS = ("name", "value", "time", "kind", "unit", "source", "session", "attributes")

T = TypeVar("T")

Stored: TypeAlias = list[tuple[Any, ...]]
"""An offset and FIELDS each."""


def patiently(condition: Callable[[], T], what: str, seconds: float = LIMIT) -> T:
    """As `eventually`, for many who wait at the same time and need what asking all the time would cost."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return value


class Scene:
    """A Supabase, which of the two stores writes to it, and room for Forebays."""

    def __init__(self, supabase: LocalSupabase, kind: str, home: Path) -> None:
        self.supabase = supabase
        self.kind = kind
        self.home = home
        address = f"127.0.0.1:{supabase.db_proxy.port}/{supabase.database}"
        self.store = "supabase" if kind == "supabase" else f"postgresql:{address}"
        """The store's name in the status."""

    def environment(self) -> dict[str, str]:
        """The store, with short times."""
        if self.kind == "supabase":
            return {**SETTINGS, **self.supabase.environment(), "FOREBAY_STORE": "supabase:"}
        return {**SETTINGS, "FOREBAY_STORE": self.supabase.proxied_db_url}

    def sql(self, text: str, user: str = "postgres") -> str:
        return self.supabase.postgres.execute(text, self.supabase.database, user)

    @property
    def faults(self) -> Faults:
        """What can be in the store's way, and what it has called."""
        return self.supabase.faults if self.kind == "supabase" else self.supabase.db_faults

    def drop_connections(self) -> None:
        """Whoever is connected to the database has to connect anew."""
        drop_connections(self.supabase.postgres, self.supabase.database)

    def seen_as(self, kind: str) -> Scene:
        """The same for the other store."""
        return Scene(self.supabase, kind, self.home)

    def rows(self, source: str = "") -> int:
        """How many metrics the database holds, of `source` alone or of all."""
        return int(self.sql(f"select count(*) from metrics where '{source}' in ('', source)"))

    def is_writing(self) -> bool:
        """Whether the database is at work for a store."""
        return "1" in self.sql(
            "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
            "supabase_admin",
        )

    @property
    def secrets(self) -> list[str]:
        """What nobody may be shown."""
        supabase = self.supabase
        return [
            supabase.service_role_key,
            supabase.anon_key,
            supabase.keys.secret,
            supabase.postgres.password,
        ]


class Cell:
    """A Forebay, what it has accepted, and what has been seen of it."""

    def __init__(self, scene: Scene, name: str, env: Mapping[str, str] | None = None) -> None:
        self.scene = scene
        self.source = f"{name}-{uuid.uuid4().hex[:8]}"
        self.forebay = Forebay(scene.home / self.source, env={**scene.environment(), **(env or {})})
        self.accepted: Stored = []
        self.answers: set[int] = set()
        self.took: list[float] = []
        """Seconds until each POST was answered."""
        self.seen: list[dict[str, Any]] = []
        """The store's part of the status, each time that it was in trouble."""
        self.readiness: set[int | None] = set()
        self.shown = ""
        """All that was told over HTTP."""
        self.stopping = 0.0
        """Seconds that it took to leave, when told to during the outage."""
        self.audited = ""
        self.stored: Stored = []
        self.counted = 0
        """How many the database counts in its streams."""
        self.after: dict[str, Any] = {}
        """The whole status at the end."""

    def ingest(self, count: int, **fields: str) -> None:
        """Post `count` metrics, each with a value of its own, and remember those that were accepted."""
        for _ in range(0, count, BATCH):
            begin = len(self.accepted)
            metrics = [{**self.metric(begin + number), **fields} for number in range(BATCH)]
            began = time.monotonic()
            answer = self.forebay.post(metrics)
            self.took.append(time.monotonic() - began)
            self.answers.add(answer.status_code)
            if answer.status_code == 202:
                first = answer.json()["first_offset"]
                for number, metric in enumerate(metrics):
                    self.accepted.append((first + number, *(metric[field] for field in FIELDS)))

    def metric(self, number: int) -> dict[str, Any]:
        """The metric of this number."""
        return {
            "name": f"name-{number % 3}",
            "value": number + 0.5,
            "time": time.time_ns(),
            "kind": ("gauge", "counter", "timer")[number % 3],
            "unit": "ms" if number % 2 else "",
            "source": self.source,
            "session": f"session-{number % 4}",
            "attributes": {"number": number, "text": f"é{number}"},
        }

    def store(self) -> dict[str, Any]:
        """The store's part of the status."""
        status = self.forebay.get("/api/status").raise_for_status()
        self.shown += status.text
        return next(store for store in status.json()["stores"] if store["name"] == self.scene.store)

    def meet(self, outage: Outage) -> dict[str, Any]:
        """The store's status, once that says that it is in this trouble."""

        def troubled() -> dict[str, Any] | None:
            store = self.store()
            bad = store["state"] in ("waiting", "blocked") and re.search(
                outage.told, store["last_error"] or ""
            )
            opened = store["breaker"] != "closed" or not outage.opens
            return store if bad and opened and store["error_kind"] in outage.kinds else None

        store = patiently(troubled, f"{outage.name}: the status says {outage.told!r}")
        self.seen.append(store)
        self.readiness.add(self.forebay.readiness())
        return store

    def opened(self) -> dict[str, Any] | None:
        """The store's status if its breaker is open, else None."""
        store = self.store()
        return store if store["breaker"] == "open" else None

    def noted(self, probe_at: int) -> bool:
        """Whether the journal has that a breaker stays open until `probe_at`."""
        breakers = self.forebay.get("/api/state").json()["state"]["breakers"].values()
        return any(breaker.get("probe_at") == probe_at for breaker in breakers)

    def stop(self) -> None:
        """SIGTERM, timed."""
        began = time.monotonic()
        assert self.forebay.terminate() == 0
        self.stopping = time.monotonic() - began

    def _level(self) -> dict[str, Any] | None:
        status = self.forebay.status()
        return status if all(store["lag"] == 0 for store in status["stores"]) else None

    def settle(self) -> None:
        """Wait until nothing is missing, and look at what there is."""
        self.after = patiently(self._level, "the store holds everything", 60)
        journal = self.after["journal"]["id"]
        self.stored = stored(self.scene, journal)
        counted = self.scene.sql(f"select sum(count) from streams where source = '{self.source}'")
        self.counted = int(counted or 0)
        assert self.forebay.terminate() == 0


def stored(scene: Scene, journal: str) -> Stored:
    """What the database holds of `journal`, past everything that can fail."""
    columns = '"offset", name, value, time_ns, kind, unit, source, session, attributes'
    found = scene.sql(
        f"select json_build_array({columns}) from metrics where journal_id = '{journal}' order by \"offset\""
    )
    return [tuple(json.loads(line)) for line in found.splitlines()]


_AUDITS = """
import sys
from actors.cli.shell import main
for data in sys.argv[1:]:
    print("exit code", main(["audit", "--data", data]), end="\\0", flush=True)
"""


def audit(cells: Sequence[Cell]) -> None:
    """Run `forebay audit` for each of `cells`, which have the same environment, in one process: what it
    imports takes longer than what it does."""
    forebay = cells[0].forebay
    done = subprocess.run(
        [sys.executable, "-c", _AUDITS, *(str(cell.forebay.data) for cell in cells)],
        cwd=forebay.home,
        env=environment(forebay.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    for cell, told in zip(cells, done.stdout.split("\0"), strict=False):
        cell.audited = told


def assert_whole(cell: Cell) -> None:
    """Every accepted metric is stored once and counted once; none is a dead letter; the audit balances."""
    cell.settle()
    audit([cell])
    assert cell.answers == {202}
    assert cell.stored == sorted(cell.accepted)
    assert cell.counted == len(cell.accepted)
    assert cell.after["dead_lettered"] == cell.after["dead_letters"]["pending"] == 0
    assert cell.audited.endswith("exit code 0"), cell.audited


@contextlib.contextmanager
def inserting(scene: Scene, does: str, level: str = "statement") -> Generator[None]:
    """Each statement that inserts metrics, or each row of it, does this first, in PL/pgSQL; what still runs
    when the block ends is let finish."""
    scene.sql(
        f"""
        create function public.fault() returns trigger language plpgsql as $$
          begin {does}; return new; end $$;
        create trigger a_fault before insert on metrics for each {level} execute function fault();
        """
    )
    try:
        yield
    finally:
        despite_deadlocks(scene.sql, "drop function fault() cascade")


def slow(scene: Scene, seconds: float, level: str = "statement") -> AbstractContextManager[None]:
    """Each statement that inserts metrics, or each row of it, takes so long."""
    return inserting(scene, f"perform pg_sleep({seconds})", level)


class Outage(NamedTuple):
    """Something that can happen to a store: what people are told, as a pattern, which `kinds` it may be taken
    for, and whether it `opens` a breaker."""

    name: str
    begin: Callable[[Scene], AbstractContextManager[None]]
    told: str
    kinds: frozenset[str]
    opens: bool = True


Column: TypeAlias = Callable[[Cell, Outage], Generator[None]]
"""A Forebay's life with an outage: runs to the first `yield`, when the outage begins, and from there to the
second, when it is over."""


def during_ingest(cell: Cell, outage: Outage) -> Generator[None]:
    """The store goes away and comes back under a running process."""
    cell.forebay.start()
    cell.ingest(300)
    yield
    cell.ingest(300)
    cell.meet(outage)
    cell.ingest(200)
    yield
    cell.ingest(200)


def at_startup(cell: Cell, outage: Outage) -> Generator[None]:
    """The process has never seen the store."""
    yield
    cell.forebay.start()
    cell.ingest(600)
    cell.meet(outage)
    cell.ingest(200)
    yield
    cell.ingest(200)


def during_shutdown(cell: Cell, outage: Outage) -> Generator[None]:
    """The process is told to stop with a backlog that it cannot bring anywhere."""
    cell.forebay.start()
    cell.ingest(300)
    yield
    cell.ingest(300)
    cell.meet(outage)
    cell.ingest(200)
    cell.stop()
    yield
    cell.forebay.start()
    cell.ingest(200)


def then_killed(cell: Cell, outage: Outage) -> Generator[None]:
    """The process is killed and starts again while the store is still away."""
    cell.forebay.start()
    cell.ingest(300)
    yield
    cell.ingest(300)
    cell.meet(outage)
    cell.forebay.kill()
    cell.forebay.start()
    cell.ingest(200)
    cell.meet(outage)
    yield
    cell.ingest(200)


COLUMNS: dict[str, Column] = {
    "during-ingest": during_ingest,
    "at-startup": at_startup,
    "during-shutdown": during_shutdown,
    "then-killed": then_killed,
}


class Row:
    """An outage, suffered by one Forebay for each of `columns` at the same time."""

    def __init__(self, scene: Scene, outage: Outage, columns: Sequence[str]) -> None:
        self.outage = outage
        self.scene = scene
        self._cells = {name: Cell(scene, name) for name in columns}
        self._failed: dict[str, Exception] = {}

    def suffer(self) -> None:
        """All of it. What goes wrong in a cell is raised when that is asked for."""
        lives = {name: COLUMNS[name](cell, self.outage) for name, cell in self._cells.items()}
        with ThreadPoolExecutor(len(lives)) as pool:

            def together(step: Callable[[str], object]) -> None:
                list(pool.map(lambda name: self._try(name, step), lives))

            together(lambda name: next(lives[name]))
            with self.outage.begin(self.scene):
                together(lambda name: next(lives[name]))
            together(lambda name: next(lives[name], None))
            together(lambda name: self._cells[name].settle())
        audit(list(self._cells.values()))

    def _try(self, name: str, step: Callable[[str], object]) -> None:
        if name in self._failed:
            return
        try:
            step(name)
        except Exception as error:  # noqa: BLE001 - raised again by whoever asks for the cell
            self._failed[name] = error

    def cell(self, column: str) -> Cell:
        """What came of this column. Raises what went wrong in it."""
        if column in self._failed:
            log = self._cells[column].forebay.log()
            raise AssertionError(f"{self.outage.name}, {column}; log:\n{log[-6000:]}") from self._failed[
                column
            ]
        return self._cells[column]

    def close(self) -> None:
        """Leave no process behind."""
        for cell in self._cells.values():
            cell.forebay.close()
