"""A model class made in the test: large cycles with parts in Rust, freed by the collector."""

from pydantic import BaseModel


def test_model():
    class User(BaseModel):
        id: int
        name: str

    assert User(id=1, name="a").id == 1
