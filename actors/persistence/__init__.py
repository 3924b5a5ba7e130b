"""How metrics get from the journal into a store, whatever happens.

    ahead        before a start: is the journal as long as its stores know it to be
    actor        one a store: when to try, when to wait
    stock        what became of what is before the cursor, when the store is opened
    feed         what to send: batches out of the journal
    delivery     what comes of a batch: stored, searched for who is to blame, put off
    guard        the store behind time-outs and the circuit breaker
    breaker      pybreaker, with its state in the journal
    burial       the way to the dead-letter queue
    flag_mirror  the store's own table of feature flags
    progress     how far the store is, as people are told

The decisions are pure: core/persistence.py, core/search.py, core/batch_size.py.
"""

from actors.persistence.actor import PersistenceActor
from actors.persistence.ahead import StoreAheadError
from actors.persistence.progress import StoreProgress

__all__ = ["PersistenceActor", "StoreAheadError", "StoreProgress"]
