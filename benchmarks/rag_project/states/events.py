"""A mock at module level that several test modules share."""

from unittest.mock import MagicMock

EVENTS = MagicMock(name="EVENTS")
