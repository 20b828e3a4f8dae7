"""An imitation of a LiteLLM Proxy: its wire to the letter, many thousand answers a second, and every fault at will.

It echoes: the answer to the user's message TEXT, asked with the key KEY, is ``echo: TEXT by KEY``. Its models are
``gpt``, ``embedding`` (64 dimensions), ``reranker``, ``wild/ANY`` (a wildcard that LiteLLM lists expanded, without a
price) and ``own/ANY`` (one that it lists as ``own/*``, and not at ``/v1/models``). Every key is good but none at all
and ``sk-unknown…`` (401), ``sk-budget…`` (422) and ``sk-limited…`` (429).

What else it shall do is said in the prompt (or the input, or a rerank's query), or with `Imitation.behave` for a path:
``[[name ARGUMENTS]]``. Several are combined, the order does not matter; unknown names are ordinary text, a known name
with other arguments than these is a 400.

=============================  =======================================================================================
in place of the answer
``[[error STATUS NAME=V …]]``  LiteLLM's error of that status, with headers ``NAME: V``, for example ``retry-after=7``
``[[gone STATUS]]``            the HTML page of an nginx before a dead proxy: 502, 503, 504
``[[crash]]``                  a 500 in plain text, as uvicorn sends it, and a closed connection
``[[html]]``                   a 200 with a page to log in
``[[hang]]``                   the request is read, and nothing comes
-----------------------------  ---------------------------------------------------------------------------------------
an answer that is too large or of another form
``[[big MB]]``                 a body of MB megabytes; a stream has as many in events of 64 KB
``[[big-event MB]]``           a stream's first event has MB megabytes
``[[gzip]]``                   the body is compressed, which makes a large one small on the way
``[[headers N]]``              N headers more
``[[header MB]]``              one header of MB megabytes more
-----------------------------  ---------------------------------------------------------------------------------------
streams
``[[stream-error STATUS]]``    after two pieces of text, LiteLLM's error as the last event
``[[no-done]]``                no ``[DONE]`` at the end
``[[hang-after N]]``           N events, and nothing more
``[[crlf]]``                   lines end in CRLF, and comments stand between the events
``[[multi]]``                  an event's JSON in several ``data:`` lines
-----------------------------  ---------------------------------------------------------------------------------------
the line
``[[cut N]]``                  N bytes of the answer, its head included, then a TCP reset
``[[cut body N]]``             the head and N bytes of the body, then a TCP reset
``[[short]]``                  the connection ends cleanly in mid-body
``[[leave]]``                  the connection ends after a whole answer that did not announce it
``[[pieces N]]``               the answer is sent in pieces of N bytes, a millisecond apart
``[[slow N]]``                 N pieces of text after the echo, 50 ms apart; what is no stream comes that much later
-----------------------------  ---------------------------------------------------------------------------------------
``[[times N]]``                all this for the first N requests that say the same, until `Imitation.clear`
=============================  =======================================================================================
"""

from .process import Imitation, imitation_proxy

__all__ = ["Imitation", "imitation_proxy"]
