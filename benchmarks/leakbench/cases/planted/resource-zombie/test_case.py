"""os.posix_spawn without wait."""

import os
import time


def test_leak():
    os.posix_spawn("/bin/true", ["true"], {})
    time.sleep(0.01)
