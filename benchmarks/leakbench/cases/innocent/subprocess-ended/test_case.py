"""Child processes that are waited for, with pipes."""

import subprocess
import sys


def test_run():
    done = subprocess.run([sys.executable, "-S", "-c", "print(1)"], capture_output=True, check=True)
    assert done.stdout == b"1\n"


def test_popen_with_pipes():
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.communicate(b"x\n")
    assert child.returncode == 0
