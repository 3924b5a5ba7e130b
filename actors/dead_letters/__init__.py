"""The dead-letter queue: what a store can never take is kept here, in a journal of its own, until a person or
the weather decides.

    queue      the actor: keeps, expires, sends again
    mirror     what each store's own table of dead letters is told
    retiring   which segments nobody needs any more
    payloads   a letter's metric, read back from the queue's journal
    offsets    which metrics are dead letters, for accounts that must balance
    port       the queue as the edge asks it

What a person put in a metric's place is in the store that took it, and told in the event of it; the main
journal keeps the metric as it was accepted. So a store that is emptied and fed anew from there refuses the
original once more, and it is a new letter, to be mended once more.

The decisions are pure: core/dead_letters.py; how the events fold: journal/dead_letters.py.
"""
