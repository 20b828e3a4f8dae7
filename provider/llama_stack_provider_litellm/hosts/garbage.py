"""Python's garbage collector in a server that has started."""

from __future__ import annotations

import gc

# Objects made and not yet gone at which the youngest are looked through. A call makes some thousand; Python's own 700
# would look several times in each.
_YOUNGEST = 10_000


def settle() -> None:
    """Once, when a server serves: leave alone what its start has made and what stays.

    That are some 400,000 objects. To look through them takes a quarter of a second, every few dozen calls, in which
    nobody is answered, and was a third of a call's processor time. What is made from now on is looked through as ever;
    the little that is garbage by now stays with the rest, since a last look would keep the first caller waiting.
    """
    gc.freeze()
    gc.set_threshold(_YOUNGEST, *gc.get_threshold()[1:])
