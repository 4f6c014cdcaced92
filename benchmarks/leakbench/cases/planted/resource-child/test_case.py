"""A subprocess that nobody waits for."""

import subprocess
import sys

KEEP = []


def test_leak():
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    KEEP.append(subprocess.Popen(command))
