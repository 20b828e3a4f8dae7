"""A test upstream: a real HTTP server that speaks vendors' wire formats.

It answers only from what it receives, so an end-to-end test that sees its answer knows that the data
travelled. What a prompt can make it do is in `directives`, what it replies otherwise in `brain`.
"""

from .process import Upstream, start_upstream

__all__ = ["Upstream", "start_upstream"]
