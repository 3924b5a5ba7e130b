"""How a part of a journal is sent to a store again: `forebay journal replay --to STORE`.

    part       which offsets, and which metrics of them
    feed       those metrics, in order, as rows
    sender     brings rows to a store, whatever it says to them
    bookmark   where an interrupted replay goes on
    replay     all of these, from the first row to the last; what came of it

The journal is read as a file and never locked; a running process is not disturbed. Its store's cursor is
that process's own: rows go in without it. Only where the store keeps no cursor at all and nothing of the
journal is left out does the replay bring one up behind it, as persistence does.
"""
