"""Jinja2 keeps the last 100 compiled templates of an environment: 100 runs long each adds one."""

import itertools

import jinja2

numbers = itertools.count()


def load(name: str) -> str:
    return "{% for i in range(3) %}" + name + " {{ i }}{% endfor %}"


environment = jinja2.Environment(loader=jinja2.FunctionLoader(load), cache_size=100)


def test_template():
    name = f"t{next(numbers)}"
    assert name in environment.get_template(name).render()
