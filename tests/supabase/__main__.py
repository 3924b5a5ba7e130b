"""`python -m tests.supabase`: a local Supabase until Ctrl-C, for `forebay run --store supabase:`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.stores.base import StoreError
from tests.supabase.cluster import ClusterNotMadeError
from tests.supabase.env_file import write_env_file
from tests.supabase.keys import kept_keys, new_keys
from tests.supabase.postgres import DataUnreachableError
from tests.supabase.postgrest import PostgRESTNotInstalledError
from tests.supabase.processes import PortTakenError, StartError
from tests.supabase.stack import LocalSupabase

_EPILOG = """\
examples:
  just supabase --env-file .env       in one terminal, and in another:
  forebay run --store supabase:       it finds URL and keys in .env
  just supabase --data ~/supabase     tables and keys are there again next time

PostgreSQL, PostgREST under /rest/v1/ and the keys are as in a hosted project. Under /realtime/v1/ is not
Realtime but a peer that speaks its wire protocol; PUT /realtime/v1/faults lets it fail (see
`python -m tests.realtime --help`). Auth and Storage are missing. Only this machine is served.
"""


class _StoppedError(Exception):
    """A signal asks to stop."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code: 0 stopped, 1 something failed, 2 usage or a taken port."""
    args = _arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        _serve(args)
    except _StoppedError:
        return 0
    except PortTakenError as error:
        return _say(f"{error} with --port or --db-port", 2)
    except DataUnreachableError as error:
        return _say(str(error), 2)
    except (ClusterNotMadeError, PostgRESTNotInstalledError, StartError, StoreError) as error:
        return _say(str(error), 1)
    return _say("a server ended by itself", 1)


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="just supabase",
        description="A local Supabase until Ctrl-C, which leaves nothing behind.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=54321, help="of SUPABASE_URL (default: %(default)s)")
    parser.add_argument("--db-port", type=int, default=54322, help="of PostgreSQL (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep database and keys there")
    parser.add_argument(
        "--env-file",
        type=Path,
        metavar="PATH",
        help="write URL and keys there, mode 0600; its other lines stay",
    )
    return parser.parse_args(argv)


def _stop(*_: object) -> None:
    # once is enough: what happens on the way out must not be interrupted
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _StoppedError


def _serve(args: Namespace) -> None:
    keys = kept_keys(args.data / "secret") if args.data else new_keys()
    data = args.data.resolve() / "postgres" if args.data else None
    supabase = LocalSupabase(port=args.port, db_port=args.db_port, data=data, keys=keys)
    try:
        supabase.open()
        for name in asyncio.run(supabase.migrate()):
            print(f"migrated: {name}", file=sys.stderr)
        variables = supabase.environment()
        if args.env_file:
            write_env_file(args.env_file, variables)
        _tell(variables, kept=args.data is not None)
        while supabase.postgres.running and supabase.postgrest.running:
            time.sleep(0.5)
    finally:
        supabase.close()


def _tell(variables: Mapping[str, str], kept: bool) -> None:
    """The variables as a shell takes them, and nothing else, on standard output."""
    for name, value in variables.items():
        print(f"export {name}='{value}'")
    sys.stdout.flush()
    print(
        "ready; Ctrl-C ends it" + ("" if kept else " and what is in it: --data DIR keeps that"),
        file=sys.stderr,
    )


def _say(text: str, code: int) -> int:
    print(f"supabase: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
