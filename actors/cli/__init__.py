"""The command line: one file a command, each with `add(parser)` and `run(args) -> exit code`.

    shell     finds the command, imports it, and turns every error into one line and an exit code
    exits     the exit codes, and which error has which
    flags     the flags that set settings, and settings from them
    client    the address of a running process
    terminal  colours and tables
    checks    what `validate` looks at

A command's module imports what is heavy inside `run`, so that help and completion stay fast.
"""
