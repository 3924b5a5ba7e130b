"""The decisions, pure: one Decider a file. State, command and `now` in; events or effects out."""
