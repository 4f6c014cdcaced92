"""Unit tests of everything but the converters."""
