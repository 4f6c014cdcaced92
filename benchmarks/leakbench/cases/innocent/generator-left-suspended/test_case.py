"""A generator dropped halfway is closed and lets its frame go."""


def parts():
    block = bytearray(100_000)
    yield 1
    yield len(block)


def test_generator():
    running = parts()
    assert next(running) == 1
