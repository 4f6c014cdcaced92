import itertools

import fsspec

FOLDERS = (f"/folder/{i}" for i in itertools.count())


def folder(**options):
    files = fsspec.filesystem("file")
    return fsspec.filesystem("dir", path=next(FOLDERS), fs=files, **options)


def test_leak():
    assert folder().path


def test_ok():
    assert folder(skip_instance_cache=True).path
