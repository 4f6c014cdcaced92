import tempfile
from pathlib import Path

from loguru import logger

PATH = Path(tempfile.mkdtemp()) / "x.log"
logger.remove()


def test_leak():
    logger.add(PATH)
    logger.info("hello")


def test_ok():
    sink = logger.add(PATH)
    logger.info("hello")
    logger.remove(sink)
