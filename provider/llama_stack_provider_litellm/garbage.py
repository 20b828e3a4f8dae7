"""Python's garbage collector, which is to leave alone what a server's start has made and what stays.

That are some 400,000 objects. To look through them takes a quarter of a second: in a start, again and again, and later
every few dozen calls, in which nobody is answered; it was a third of a call's processor time.
"""

from __future__ import annotations

import gc
import importlib
import sys

# Objects made and not yet gone at which the youngest are looked through. A call makes some thousand; Python's own 700
# would look several times in each.
_YOUNGEST = 10_000
_start_is_left_alone = False


def leave_alone() -> None:
    """Never look through what there is now. What is made from now on is looked through as ever; the little that is
    garbage by now stays with the rest, since a last look would keep somebody waiting."""
    gc.freeze()


def leave_start_alone() -> None:
    """Leave alone what a server has imported before it comes to this package. Does nothing later on: a process may make
    stacks again and again, and what is garbage by then is to go."""
    global _start_is_left_alone
    if not _start_is_left_alone:
        _start_is_left_alone = True
        leave_alone()


def settle() -> None:
    """Once, when a server serves: leave alone what its start has made, and look less often."""
    leave_alone()
    gc.set_threshold(_YOUNGEST, *gc.get_threshold()[1:])


def import_module(name: str) -> None:
    """Import it, and leave alone what that makes: hundreds of thousands of objects that stay. Going through them again
    and again is a third of an import's time."""
    if name in sys.modules:
        # Another thread may be at it.
        importlib.import_module(name)
        return
    looks = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module(name)
    finally:
        leave_alone()
        if looks:
            gc.enable()
