from typing import Generic, TypeVar

from pydantic import create_model
from pydantic.generics import GenericModel

T = TypeVar("T")


class Page(GenericModel, Generic[T]):
    items: list[T]


def test_leak():
    row = create_model("Row", name=(str, ...))
    page = Page[row](items=[{"name": "x"}])
    assert page.items[0].name == "x"
