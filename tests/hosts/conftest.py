"""Which of these tests are for the server that is installed."""

from __future__ import annotations

from tests.line import LINE

# Both import what only their hosts have.
_OF_0_2 = ["test_lookup.py", "test_origin.py", "test_requests.py", "test_v0_2_*.py"]
_OF_LATER_ONES = ["test_params_*.py"]
collect_ignore_glob = _OF_LATER_ONES if LINE.name == "0.2" else _OF_0_2
