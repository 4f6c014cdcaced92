import itertools
import tempfile
from pathlib import Path

from aiosmtpd.controller import UnixSocketController
from aiosmtpd.handlers import Sink

FOLDER = Path(tempfile.mkdtemp())
NUMBERS = itertools.count()


def started():
    controller = UnixSocketController(Sink(), FOLDER / f"{next(NUMBERS)}.sock")
    controller.start()
    return controller


def test_leak():
    assert started().server is not None


def test_ok():
    controller = started()
    assert controller.server is not None
    controller.stop()
