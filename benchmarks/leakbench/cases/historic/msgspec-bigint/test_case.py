from typing import Annotated

import msgspec
import pytest

DECODER = msgspec.json.Decoder(type=Annotated[int, msgspec.Meta(multiple_of=100_003)])
NUMBER = str(2**70 + 12345).encode()


def test_leak():
    for _ in range(20):
        with pytest.raises(msgspec.ValidationError):
            DECODER.decode(NUMBER)
