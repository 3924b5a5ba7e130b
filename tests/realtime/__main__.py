"""`python -m tests.realtime`: the Realtime test peer until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from tests.realtime.faults import Limits
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys, kept_keys, new_keys
from tests.supabase.processes import PortTakenError

_EPILOG = """\
examples:
  python -m tests.realtime --port 54321
  curl -X PUT localhost:54321/faults -d '{"drop_every": 10}'
  curl -X PUT localhost:54321/faults -d '{"black_hole": true}'
  curl -X PUT localhost:54321/faults -d '{}'      all is well again

faults: drop_every, duplicate_every (every n-th message), delay (seconds),
refuse_joins (the reason), black_hole, http_status, http_retry_after

It speaks Supabase Realtime's wire protocol and is not Realtime: see the
docstring of tests/realtime/peer.py for what it imitates and what not.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code: 0 stopped, 2 usage or a taken port."""
    parser = ArgumentParser(
        prog="python -m tests.realtime",
        description="A test peer that speaks Supabase Realtime's wire protocol.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=54321, help="where to listen (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the keys there")
    parser.add_argument(
        "--rate", type=int, default=100, metavar="N", help="messages a second (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    keys = kept_keys(args.data / "secret") if args.data else new_keys()
    try:
        asyncio.run(_serve(args.port, keys, Limits(messages_per_second=args.rate)))
    except PortTakenError as error:
        print(f"realtime: {error} with --port", file=sys.stderr)
        return 2
    return 0


async def _serve(port: int, keys: Keys, limits: Limits) -> None:
    peer = RealtimePeer(keys, limits=limits, port=port)
    await peer.start()
    for name, value in (
        ("SUPABASE_URL", peer.url),
        ("SUPABASE_ANON_KEY", keys.anon),
        ("SUPABASE_SERVICE_ROLE_KEY", keys.service_role),
        ("SUPABASE_JWT_SECRET", keys.secret),
    ):
        print(f"export {name}='{value}'")
    sys.stdout.flush()
    print("ready; Ctrl-C ends it", file=sys.stderr)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await peer.stop()


if __name__ == "__main__":
    sys.exit(main())
