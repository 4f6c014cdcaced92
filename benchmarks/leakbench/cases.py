"""Cases as they lie in their folders: what is true of a test."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = Path(__file__).with_name("cases")
FAMILIES = ("planted", "historic", "innocent")
#: Cases of the quick run: every kind of leak and of innocent once, without a package to install.
QUICK = (
    *("sizes-list", "sizes-bytes", "sizes-malloc", "class-attribute", "closure-callback"),
    *("linked-chain", "scope-autouse-atomic", "scope-testcase", "incref-small", "resource-pipe"),
    *("resource-thread", "every-second-run"),
    *("lru-cache-bounded", "re-cache", "cycles", "lazy-import", "thread-pool"),
)

SideName: TypeAlias = Literal["leaks", "innocent"]
SIDES: tuple[SideName, ...] = get_args(SideName)
Amount: TypeAlias = int | float | str

_FORMULA = re.compile(r"size(?:\s*([+-])\s*(\d+))?")


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side of a case: the tests that leak, or those that do not."""

    tests: list[str] = msgspec.field(default_factory=lambda: ["test_leak"])
    """Names of tests; ``@name`` is a wider fixture, which is judged in its own name."""
    neutral: list[str] = []
    """Tests that are neither right nor wrong to accuse: they set up what leaks."""
    requires: list[str] = []
    """Requirements of this side alone."""
    verdicts: list[str] = []
    """Accepted verdicts; by default ``leak``, and on the innocent side all that accuse nobody."""
    any: bool = False
    """An accepted verdict of one instance is enough: the others did not grow."""
    sizes: list[int] = []
    """Values of the test's argument ``size``."""
    per_run: dict[str, Amount] = {}
    """Signal → growth per run; ``size + 9`` is a formula of the argument."""
    at_least: dict[str, Amount] = {}
    holder: list[str] = []
    """Patterns, of which a good explanation fits one."""


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder with a ``case.toml``."""

    what: str
    kind: str
    name: str = ""
    family: str = ""
    source: str = ""
    package: str = ""
    culprit: str = ""
    requires: list[str] = []
    env: dict[str, str] = {}
    args: list[str] = []
    """Further arguments of pytest."""
    limits: str = ""
    """Why the tool does not reach this case, where it does not: one sentence for the report."""
    instances: int = 3
    """How often each test is collected, where it can be parametrised."""
    leaks: Side | None = None
    innocent: Side | None = None

    @property
    def folder(self) -> Path:
        """Where the test file lies."""
        return CASES / self.family / self.name

    @property
    def half(self) -> Literal["tuned", "held out"]:
        """On which half of the corpus the case lies: by a hash of its name. The quick run's cases
        are looked at all the time."""
        odd = hashlib.sha1(self.name.encode(), usedforsecurity=False).digest()[0] & 1
        return "tuned" if odd or self.name in QUICK else "held out"

    def side(self, name: SideName) -> Side | None:
        """One side by its name."""
        return self.leaks if name == "leaks" else self.innocent

    def requirements(self, name: SideName) -> tuple[str, ...]:
        """What has to be installed for a side, sorted."""
        side = self.side(name)
        return tuple(sorted({*self.requires, *(side.requires if side else ())}))


class BadCaseError(Exception):
    """A case that cannot be read, in one sentence."""


def load_case(folder: Path) -> Case:
    """Read one case.

    Raises:
        BadCaseError: ``case.toml`` is missing or says what no case can say.
    """
    path = folder / "case.toml"
    try:
        case = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Case)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadCaseError(f"{path}: {error}") from None
    if case.leaks is None and case.innocent is None:
        raise BadCaseError(f"{path}: it has neither [leaks] nor [innocent]")
    for side in (case.leaks, case.innocent):
        for amount in () if side is None else (*side.per_run.values(), *side.at_least.values()):
            if isinstance(amount, str) and _FORMULA.fullmatch(amount) is None:
                raise BadCaseError(f'{path}: "{amount}" is no formula; write "size + 9"')
    return msgspec.structs.replace(case, name=folder.name, family=folder.parent.name)


def load_cases(families: tuple[str, ...] = FAMILIES, root: Path = CASES) -> list[Case]:
    """All cases of some families, by family and name."""
    return [
        load_case(path.parent)
        for family in families
        for path in sorted((root / family).glob("*/case.toml"))
    ]


def amount_of(amount: Amount, size: int | None) -> float:
    """A number, or a formula of the test's size.

    Raises:
        BadCaseError: a formula, and the test has no size.
    """
    if not isinstance(amount, str):
        return float(amount)
    if size is None:
        raise BadCaseError(f'"{amount}" needs sizes')
    found = _FORMULA.fullmatch(amount)
    assert found is not None, "checked when the case was read"
    more = int(found[2] or 0)
    return float(size - more if found[1] == "-" else size + more)
