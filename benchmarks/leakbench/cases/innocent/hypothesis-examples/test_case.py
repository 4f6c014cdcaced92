"""A property test: the examples differ on each run, and its caches are bounded."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@settings(max_examples=20, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers() | st.text()))
def test_reversed_twice(rows):
    assert list(reversed(list(reversed(rows)))) == rows
