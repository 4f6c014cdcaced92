"""Integration tests on a real Chroma store."""
