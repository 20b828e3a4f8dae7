"""``python -m`` this module is the command ``ogx``, with stores that several processes can open at once.

OGX makes the table of its jobs in each process that serves, before it asks for the first provider. Each of these
processes imports the module that was started, and learns here what it would learn too late from the provider's spec.
"""

from __future__ import annotations

from importlib import import_module

from . import teach_stores

teach_stores()

if __name__ == "__main__":
    import_module("ogx.cli.ogx").main()
