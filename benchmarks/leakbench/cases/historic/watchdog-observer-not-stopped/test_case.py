import tempfile

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

FOLDER = tempfile.mkdtemp()


def started():
    observer = Observer()
    observer.schedule(FileSystemEventHandler(), FOLDER)
    observer.start()
    return observer


def test_leak():
    assert started().is_alive()


def test_ok():
    observer = started()
    assert observer.is_alive()
    observer.stop()
    observer.join()
