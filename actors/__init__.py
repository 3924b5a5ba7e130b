"""Behaviour: the actor kernel, Forebay's actors, and the process itself.

Imports point downward only: `actors` may import `web` and `journal`; neither imports `actors`.
"""

__version__ = "0.1.0"
