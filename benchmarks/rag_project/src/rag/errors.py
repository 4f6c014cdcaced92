"""What can go wrong, each in words that say what to change."""


class RagError(Exception):
    """The root of every error this package raises on purpose."""


class UnsupportedFormatError(RagError):
    """No converter is registered for a source's suffix."""


class ConversionError(RagError):
    """A source's content does not have the format its suffix promises."""

    def __init__(self, source: str, reason: str, *, line: int | None = None) -> None:
        """Keep the parts and build the message.

        Args:
            source: Where the content came from.
            reason: What is wrong with it.
            line: 1-based line in the source, when it is known.
        """
        place = source if line is None else f"{source}, line {line}"
        super().__init__(f"{place}: {reason}")
        self.source = source
        self.reason = reason
        self.line = line


class StoreError(RagError):
    """The vector store was asked for something it cannot do."""


class FetchError(RagError):
    """A URL could not be fetched."""


class CompletionError(RagError):
    """The language model did not give a usable answer."""


class TransientError(CompletionError):
    """The language model is busy; the same request may succeed later."""
