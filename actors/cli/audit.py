"""`forebay audit`: proves that nothing is lost, nothing doubled and nothing changed."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Final

from actors.cli.settings_flags import add_settings, settings_from

if TYPE_CHECKING:
    from actors.config import Settings
    from actors.core.accounts import Audit

_MB: Final = 1_000_000

_EPILOG = """\
examples:
  forebay audit                    journal against store, row by row, in ./data
  forebay audit --data /srv/forebay --quick
  forebay audit --json | jq '.stores[] | {store, missing: .missing.count}'
  forebay audit --accept-lost      a repair gave something up, and that is known

Reads the journal and the stores and changes neither; a running process is not
disturbed. Each metric of the journal is compared with its row in the store,
field by field; with --quick only offsets are, which is several times as fast
and does not see a row that was changed.

Exit code 0 when accepted = persisted + dead-lettered + pending and every row is
what was accepted. 1 with the missing, differing and extra offsets when not, and
also when `journal repair` had to give up metrics that a store does not hold.
3 when the journal is damaged.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--quick", action="store_true", help="compare offsets alone, not rows")
    parser.add_argument(
        "--accept-lost", action="store_true", help="leave with 0 where only what a repair gave up is lacking"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    add_settings(parser, only=("data", "store"))


def run(args: Namespace) -> int:
    """0 when the account balances and nothing is lost, else 1."""
    loaded = settings_from(args)
    import asyncio

    import msgspec

    from actors.cli.audit_report import describe
    from actors.cli.exits import FAILED, FINE

    data = os.path.abspath(loaded.settings.data)
    result = asyncio.run(_audit(loaded.settings, data, quick=args.quick))
    print(msgspec.json.format(msgspec.json.encode(result)).decode() if args.json else describe(result))
    return FINE if result.balances and (args.accept_lost or not result.lost) else FAILED


async def _audit(settings: Settings, data: str, *, quick: bool) -> Audit:
    from actors.audit import audit, journal_bytes
    from actors.cli.bar import Bar
    from actors.stores.factory import make_stores

    journal, letters = os.path.join(data, "journal"), os.path.join(data, "dead-letters")
    stores = make_stores(settings, data)
    try:
        with Bar(journal_bytes(journal) // _MB, "MB of journal compared") as bar:
            return await audit(
                journal,
                letters,
                stores,
                quick=quick,
                keep_days=settings.store_keep_days or None,
                read=lambda count: bar.show(count // _MB),
            )
    finally:
        for store in stores:
            await store.close()
