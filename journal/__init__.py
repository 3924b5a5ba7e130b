"""What happened, and how it is kept.

The journal is a directory of segments that only grows at its end. Everything that Forebay
accepts or decides is an event in it, so any past state can be rebuilt by folding.

    events    what can be journaled: one tagged union, and its upcasters
    framing   records <-> bytes: the format, described so that another language can read it
    segment   names, headers, when to roll, what may be deleted
    replay    fold events into a State
    disk      the FileSystem port, and the operating system behind it
    log       Journal: recover, append with group commit, roll, retire
    reader    read from an offset, while another writes
    inspect   the questions a person asks of a journal

This layer imports msgspec, aiofiles and the standard library, and nothing of Forebay.
"""
