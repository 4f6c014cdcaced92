"""Retrieval-augmented generation over documents in five formats."""
