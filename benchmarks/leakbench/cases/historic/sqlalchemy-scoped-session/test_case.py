import itertools
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

PATH = Path(tempfile.mkdtemp()) / "a.db"
ENGINE = create_engine(f"sqlite:///{PATH}", poolclass=NullPool)
NUMBERS = itertools.count()
REQUEST = {"id": 0}
SESSION = scoped_session(sessionmaker(ENGINE), scopefunc=lambda: REQUEST["id"])


def ask():
    REQUEST["id"] = next(NUMBERS)
    assert SESSION.execute(text("select 1")).scalar() == 1


def test_leak():
    ask()


def test_ok():
    ask()
    SESSION.remove()
