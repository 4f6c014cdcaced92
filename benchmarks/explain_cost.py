"""Time and memory to say who holds an object, on heaps of several sizes, beside other tools.

    python benchmarks/explain_cost.py               heaps of 0.1 and 1 million objects
    python benchmarks/explain_cost.py --heaps 0.1,1,5
    python benchmarks/explain_cost.py --quick       0.1 million, this project and objgraph only

Each figure is the median of processes of their own: the heap is built, one object is leaked, the
tool is asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from timing import Part, Row, exponent, keep, machine, row_of, run_child, tell

#: Builds the heap and the leak; prints seconds, bytes of peak beyond the heap, and the answer.
_CHILD = """
import gc, resource, sys, time, types
sys.modules["shop"] = shop = types.ModuleType("shop")
class Session:
    def __init__(self):
        self.data, self.next = bytearray(5000), None
Session.__module__ = "shop"; shop.Session = Session
shape, causes, objects = {shape!r}, {causes}, {objects}
heap = [[None, (number, [])] for number in range(objects // 3)]
shop.registry = {{}}
if shape == "one dict of a million":
    shop.registry.update((number, [number]) for number in range(1_000_000))
leaked = [Session() for _ in range(causes)]
if shape == "linked list of 10,000":
    leaked = [Session()]
    last = leaked[0]
    for _ in range(10_000):
        last.next = Session(); last = last.next
    shop.registry["first"] = leaked[0]
    target = [last]
elif shape == "one object with 1,000 holders":
    leaked = [Session()]
    for number in range(1_000):
        shop.registry[number] = [{{"shared": leaked[0]}}]
    target = leaked
elif shape == "a reference in C only":
    import ctypes
    for one in leaked:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))
    target = leaked
else:
    for number, one in enumerate(leaked):
        setattr(shop, f"cache_{{number}}", {{"open": one}})
    target = leaked
if shape == "one dict of a million":
    shop.registry["leak"] = leaked[0]
    for number in range(causes):
        delattr(shop, f"cache_{{number}}")
one = last = None
gc.collect()
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def rss(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
{setup}
before = rss()
start = time.process_time()
answer = ask(target)
took = time.process_time() - start
print("RESULT", took, max(0, peak() - before), str(answer)[:100].replace(chr(10), " "))
"""

_OURS = """
from pytest_leakcheck.explain.causes import explain_survivors
def ask(objects):
    kept = list(objects)
    objects.clear(); leaked.clear()
    return [c.holder for c in explain_survivors(kept, ignore={id(kept)})]
"""
_OBJGRAPH = """
import objgraph
def ask(objects):
    kept = list(objects)
    objects.clear(); leaked.clear()
    mine = {id(kept)}
    chains = [objgraph.find_backref_chain(o, objgraph.is_proper_module, 20_000, mine) for o in kept]
    return list(map(len, chains))
"""
_GUPPY = """
from guppy import hpy
h = hpy()
def ask(objects):
    kept = list(objects)
    objects.clear(); leaked.clear()
    return [str(h.iso(o).shpaths) for o in kept]
"""
_PYMPLER = """
from pympler import muppy, summary
def ask(objects):
    return summary.summarize(muppy.get_objects())[:1]
"""
#: A summary does not tell who holds an object, whatever the shape: it is asked about one.
_SUMMARY = "pympler summary (which types, not who)"
#: Each tool with the module without which it cannot run.
_TOOLS = {
    "leakcheck": ("pytest_leakcheck", _OURS),
    "objgraph.find_backref_chain": ("objgraph", _OBJGRAPH),
    "guppy3 iso().shpaths": ("guppy", _GUPPY),
    _SUMMARY: ("pympler", _PYMPLER),
}
#: What is leaked in how many causes.
_CASES = (
    *(("one dict on a module", 1), ("one dict on a module", 100), ("linked list of 10,000", 1)),
    *(("one dict of a million", 1), ("one object with 1,000 holders", 1)),
    ("a reference in C only", 1),
)
#: A tool that takes longer than this on one question is given up.
_MOST_S = 60
#: One that takes longer than this is asked once, not in every round.
_SLOW_S = 10


def ask(tool: str, shape: str, causes: int, objects: int) -> tuple[float, int, str]:
    """CPU seconds, bytes of peak beyond the heap, and the beginning of the answer."""
    text = _CHILD.format(shape=shape, causes=causes, objects=objects, setup=_TOOLS[tool][1])
    command = ["timeout", str(_MOST_S), sys.executable, "-c", text]
    with tempfile.TemporaryDirectory() as folder:
        cost = run_child(command, Path(folder))
    for line in cost.out.splitlines():
        if line.startswith("RESULT "):
            _, took, extra, answer = line.split(" ", 3)
            return float(took), int(extra), answer
    reason = f"over {_MOST_S} s" if cost.status == 124 else cost.out.strip()[-100:]
    raise RuntimeError(reason)


def measure(heaps: list[float], rounds: int, *, quick: bool) -> Part:
    """All rows."""
    part = Part("explain")
    tools = [tool for tool, (module, _) in _TOOLS.items() if find_spec(module)]
    seconds: dict[tuple[str, str], dict[float, float]] = {}
    for size in heaps:
        for shape, causes in _CASES:
            name = shape if causes == 1 else f"{shape}, {causes} causes"
            for tool in tools[:2] if quick else tools:
                if tool == _SUMMARY and (shape, causes) != _CASES[0]:
                    continue
                rows = _rows(tool, f"{size:g} M objects, {name}", shape, causes, size, rounds)
                # The heap that is searched is the dict's, whatever else there is.
                if rows[0].value is not None and shape != "one dict of a million":
                    seconds.setdefault((name, tool), {})[size] = rows[0].value
                part.rows += rows
    for (name, tool), costs in seconds.items():
        found = exponent(list(costs), list(costs.values()))
        if found is not None:
            part.rows.append(Row(f"growth law, {name}: cost ~ heap ** b", tool, found, "b"))
    return part


def _rows(tool: str, subject: str, shape: str, causes: int, size: float, rounds: int) -> list[Row]:
    seconds, extra, answer = [], [], ""
    for _ in range(rounds):
        try:
            took, more, answer = ask(tool, shape, causes, int(size * 1_000_000))
        except RuntimeError as error:
            return [Row(subject, tool, None, "CPU s", note=str(error))]
        seconds.append(took)
        extra.append(more / 1e6)
        if took > _SLOW_S:
            break
    note = answer.replace("|", "/")
    return [
        row_of(subject, tool, seconds, "CPU s", note=note),
        row_of(subject, tool, extra, "MB extra"),
    ]


def main(words: list[str] | None = None) -> Part:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small heap, two tools")
    parser.add_argument("--heaps", help="millions of objects, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(words)
    line = machine()
    sizes = options.heaps or ("0.1" if options.quick else "0.1,1")
    rounds = 1 if options.quick else options.rounds
    part = measure([float(word) for word in sizes.split(",")], rounds, quick=options.quick)
    keep(part, line, words)
    tell(part.rows)
    return part


if __name__ == "__main__":
    main()
