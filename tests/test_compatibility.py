"""docs/compatibility.md is what was measured."""

from tests.compatibility import PAGE, measure


def test_the_page_is_the_measurement() -> None:
    assert PAGE.read_text(encoding="utf-8") == measure()
