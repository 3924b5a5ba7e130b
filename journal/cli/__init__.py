"""The journal tool's commands, one module each: `add(parser)` gives it flags, `run(args)` does it.

    shell       finds the command; turns every error into one line on stderr and an exit code
    exits       the exit codes, of all of Forebay
    arguments   what several commands are told: which journal, which part of it
    terminal    colours, tables, times, the progress bar
    state       a folded state in words and as JSON
    change_words  how two of them differ

A new command is a module here and a line in `shell.COMMANDS`; what it finds out it asks journal.inspect.
"""
