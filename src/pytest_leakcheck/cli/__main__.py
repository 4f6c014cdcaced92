"""``python -m pytest_leakcheck.cli``: the command without an installed script."""

import sys

from pytest_leakcheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
