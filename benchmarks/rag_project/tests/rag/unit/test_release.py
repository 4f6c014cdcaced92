"""How the state `after` ends clients of each Chroma version."""

from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

from states.after.store import release


def old_client(registry_name: str, registry: dict[str, Any]) -> Any:
    """Return a client as it was before Chroma 1.5.2, without `close()`."""
    cls = type("OldClient", (), {registry_name: registry, "_identifier": "/db"})
    return cls()


class TestRelease:
    """Each way ends the System exactly once."""

    registries: ClassVar[list[str]] = ["_identifier_to_system", "_identifer_to_system"]

    def test_new_clients_are_closed(self) -> None:
        """From 1.5.2 on the client does all of it."""
        client = MagicMock()
        release(client)
        client.close.assert_called_once_with()

    @pytest.mark.parametrize("name", registries)
    def test_old_clients_are_stopped_and_forgotten(self, name: str) -> None:
        """Both spellings of the registry are known."""
        system, other = MagicMock(), MagicMock()
        registry = {"/db": system, "/other": other}
        release(old_client(name, registry))

        system.stop.assert_called_once_with()
        other.stop.assert_not_called()
        assert registry == {"/other": other}

    @pytest.mark.parametrize("name", registries)
    def test_a_system_that_is_gone_is_no_error(self, name: str) -> None:
        """Another client on the same path may have been first."""
        release(old_client(name, {}))

    def test_unknown_clients_are_refused(self) -> None:
        """A leak in silence would be worse."""
        with pytest.raises(RuntimeError, match="neither close"):
            release(object())
