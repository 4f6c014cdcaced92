import tempfile
from pathlib import Path

from flake8.api import legacy

FILE = Path(tempfile.mkdtemp()) / "a.py"
FILE.write_text("import os\n", encoding="utf-8")


def test_leak():
    guide = legacy.get_style_guide(quiet=2)
    assert guide.check_files([str(FILE)]).total_errors == 1
