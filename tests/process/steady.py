"""Posts numbered metrics at a steady rate and writes down every 202; a program of its own.

    python -m tests.process.steady PORT LEDGER FIRST RATE

The numbers go on from FIRST; RATE is metrics a second, in requests of BATCH. One that is late is sent at
once, so that the rate is kept if the process can take it. The ledger has one line for each 202: the first
number, how many, the first offset, when it was sent (seconds since the epoch) and how many seconds it took.
SIGTERM ends it behind an answer.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from typing import Any

from tests.process.poster import metric

BATCH = 25


def main(port: int, ledger: str, number: int, rate: float) -> None:
    """Post until SIGTERM."""
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda which, _: over.append(which))
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    due = time.monotonic()
    with open(ledger, "w", buffering=1, encoding="ascii") as lines:
        while not over:
            body = json.dumps([metric(each) for each in range(number, number + BATCH)])
            time.sleep(max(0.0, due - time.monotonic()))
            due += BATCH / rate
            sent, began = time.time(), time.monotonic()
            wire.request("POST", "/api/metrics", body, {"Content-Type": "application/json"})
            answer = wire.getresponse()
            reply: dict[str, Any] = json.loads(answer.read())
            took = time.monotonic() - began
            assert answer.status == 202, reply
            assert reply["accepted"] == BATCH
            lines.write(json.dumps([number, BATCH, reply["first_offset"], sent, took]) + "\n")
            number += BATCH
    wire.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
