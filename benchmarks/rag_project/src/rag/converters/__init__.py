"""Converters from file formats to `rag.models.Document`."""

from rag.converters.registry import convert, converter_for, supported_suffixes

__all__ = ["convert", "converter_for", "supported_suffixes"]
