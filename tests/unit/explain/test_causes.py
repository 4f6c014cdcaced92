"""Live leaks: each must be named as a person would name it."""

from __future__ import annotations

import contextvars
import functools
import gc
import logging
import os
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from unittest.mock import MagicMock, patch

import pytest
from leaks import cause_of, causes_in_thread, causes_of, left_by

from pytest_leakcheck.explain.catalogue import Known
from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.explain.graph import LiveGraph
from pytest_leakcheck.explain.holders import find_holders
from pytest_leakcheck.explain.paths import holder_line

HERE = __name__


class Payload:
    def __init__(self) -> None:
        self.data = bytearray(5_000)

    def method(self) -> None: ...


class Slotted:
    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: list[object] = []


class Registry:
    items: ClassVar[list[object]] = []
    by_id: ClassVar[dict[object, object]] = {}


class Service:
    @functools.cache  # noqa: B019 - the leak under test
    def compute(self, x: object) -> object:
        return x


class Text:
    def __init__(self, text: str) -> None:
        self.text = text


class Node:
    next: Any = None


class Plain:
    def __init__(self) -> None:
        self.things: list[object] = []


LIST: list[Any] = []
DICT: dict[object, object] = {}
SET: set[object] = set()
DEQUE: deque[object] = deque()
ORDERED: OrderedDict[object, object] = OrderedDict()
DEFAULT: defaultdict[object, list[object]] = defaultdict(list)
NESTED: dict[str, Any] = {"a": {"b": [[]]}}
PARTIALS: list[object] = []
SLOTTED = Slotted()
PLAIN = Plain()
LOCAL = threading.local()
CLIENT = MagicMock(name="client")
VARIABLE: contextvars.ContextVar[object] = contextvars.ContextVar("VARIABLE")
LOG = logging.getLogger("pytest_leakcheck.tests.leaks")


def make_handler(*_: object) -> Any:
    cache: list[object] = []

    def handler(o: object) -> None:
        cache.append(o)

    return handler


HANDLER = make_handler()


def collect() -> Iterator[None]:
    gathered: list[object] = []
    while True:
        gathered.append((yield))


GENERATOR: Any = collect()
next(GENERATOR)


def two_places() -> None:
    LIST.append([])
    DICT[object()] = Payload()


def list_and_mock() -> None:
    LIST.append(Payload())
    CLIENT.upload(Payload())


def with_default(o: object = None, kept: list[object] = []) -> None:  # noqa: B006
    kept.append(o)


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    LIST.clear()
    yield
    LIST.clear()


@pytest.mark.parametrize(
    ("action", "holder"),
    [
        (lambda: LIST.append(Payload()), "LIST[*]"),
        (lambda: DICT.update({len(DICT): Payload()}), "DICT[*]"),
        (lambda: SET.add(Payload()), "SET[*]"),
        (lambda: DEQUE.append(Payload()), "DEQUE[*]"),
        (lambda: ORDERED.update({str(len(ORDERED)): Payload()}), "ORDERED[*]"),
        (lambda: DEFAULT["x"].append(Payload()), "DEFAULT[*][*]"),
        (lambda: NESTED["a"]["b"][0].append(Payload()), "NESTED[*][*][*][*]"),
        (lambda: DICT.update({Payload(): 1}), "DICT.keys()[*]"),
        (lambda: SLOTTED.kept.append(Payload()), "SLOTTED.kept[*]"),
        (lambda: PLAIN.things.append(Payload()), "PLAIN.things[*]"),
        (lambda: Registry.items.append(Payload()), "Registry.items[*]"),
        (lambda: Registry.by_id.update({object(): Payload()}), "Registry.by_id[*]"),
        (lambda: setattr(Registry, f"x{id(object())}{len(vars(Registry))}", Payload()), None),
        (lambda: with_default(Payload()), "with_default.__defaults__[*][*]"),
        (
            lambda: HANDLER(Payload()),
            "HANDLER → closure cell cache of make_handler.<locals>.handler[*]",
        ),
        (lambda: GENERATOR.send(Payload()), f"GENERATOR → local gathered in {HERE}.collect[*]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_holder_of_a_payload(action: Any, holder: str | None) -> None:
    cause = cause_of(action)
    assert cause.kind == "held"
    assert cause.head == f"{HERE}.Payload"
    if holder is not None:
        assert cause.holder == f"{HERE}.{holder}"
    else:
        assert cause.holder.startswith(f"{HERE}.Registry.x")
    assert cause.per_run == 1
    assert cause.python_bytes > 5_000
    assert [(c.path, c.type) for c in cause.contents] == [(".data", "bytearray")]
    assert cause.steps[0].status == "expected"
    assert cause.steps[-1].suspect


def test_the_data_of_a_thread_local_object() -> None:
    LOCAL.things = []
    assert cause_of(lambda: LOCAL.things.append(Payload())).holder.endswith("LOCAL.things[*]")


def test_a_bound_method_names_the_method() -> None:
    cause = cause_of(lambda: LIST.append(Payload().method))
    assert (cause.head, cause.label) == ("method", f"{HERE}.Payload.method")
    assert cause.contents[0].path == ".__self__.data"


def test_a_partial_names_its_function() -> None:
    cause = cause_of(lambda: PARTIALS.append(functools.partial(make_handler, Payload())))
    assert (cause.head, cause.label) == ("functools.partial", f"{HERE}.make_handler")
    assert cause.contents[0].path == ".args[0].data"


def test_several_heads_of_one_cause_are_one_cause() -> None:
    cause = cause_of(lambda: LIST.extend(Payload() for _ in range(40)))
    assert (cause.per_run, cause.objects) == (40, 40)
    assert cause.python_bytes > 40 * 5_000


def test_many_heads_in_many_places_of_one_shape_are_one_cause() -> None:
    LIST[:] = [Plain() for _ in range(60)]
    cause = cause_of(lambda: [o.things.append(Payload()) for o in LIST])
    assert (cause.holder, cause.per_run) == (f"{HERE}.LIST[*].things[*]", 60)
    LIST.clear()


def test_two_holders_are_two_causes_the_larger_first() -> None:
    causes = causes_of(two_places)
    assert [c.holder for c in causes] == [f"{HERE}.DICT[*]", f"{HERE}.LIST[*]"]


def test_a_cache_of_a_method_names_the_method_and_what_it_keeps() -> None:
    cause = cause_of(lambda: Service().compute(Payload()))
    assert cause.holder == f"cache of {HERE}.Service.compute[*]"
    assert cause.head == f"{HERE}.Service"
    assert cause.known == "lru-cache"


def test_calls_kept_by_a_shared_mock_name_the_mocks_home() -> None:
    causes = causes_of(lambda: CLIENT.upload(Payload()))
    holders = {c.holder for c in causes}
    assert f"{HERE}.CLIENT._mock_mock_calls[*]" in holders
    assert {c.known for c in causes} == {"mock-calls-kept"}
    assert {c.head for c in causes} <= {"unittest.mock._Call", f"{HERE}.Payload"}


@pytest.mark.parametrize("letters", [[50_000, 1], [1, 50_000]])
def test_a_cause_shows_what_its_largest_head_keeps(letters: list[int]) -> None:
    """Also where another holder shares it, so that it counts for neither."""

    def action() -> None:
        made = [Text("x" * n) for n in letters]
        LIST.extend(made)
        DICT["shared"] = [text.text for text in made]

    (cause,) = (c for c in causes_of(action) if c.holder == f"{HERE}.LIST[*]")
    assert cause.python_bytes < 50_000
    assert [(c.path, c.type) for c in cause.contents] == [(".text", "str")]


def test_a_patch_never_stopped_names_the_patched_place() -> None:
    causes = causes_of(lambda: patch("os.getlogin").start())
    by_holder = {c.holder: c for c in causes}
    patch.stopall()
    kept = by_holder["unittest.mock._patch._active_patches[*]"]
    assert (kept.head, kept.label) == ("unittest.mock._patch", "os.getlogin")
    assert "stop()" in kept.remedy
    assert by_holder["os.getlogin"].known == kept.known == "mock-patch-not-stopped"


def test_a_patched_object_is_named_by_its_class() -> None:
    causes = causes_of(lambda: patch.object(Registry, "items").start())
    patch.stopall()
    assert f"{HERE}.Registry.items" in {c.label for c in causes}


def test_a_kept_exception_leads_to_its_local_variables() -> None:
    def fail() -> None:
        payload = Payload()
        try:
            int(payload.data[:0])
        except ValueError as error:
            LIST.append(error)

    cause = cause_of(fail)
    assert (cause.head, cause.holder) == ("ValueError", f"{HERE}.LIST[*]")
    assert cause.contents[0].path.startswith(".__traceback__.tb_frame → local payload in ")
    assert cause.contents[0].path.endswith(".data")


def test_a_context_variable_names_the_variable() -> None:
    cause = cause_of(lambda: VARIABLE.set(Payload()))
    assert cause.holder == "contextvars.Context → context variable VARIABLE"
    assert (cause.head, cause.known) == (f"{HERE}.Payload", "context-variable")


def test_a_plain_value_in_a_context_is_still_in_the_context() -> None:
    cause = cause_of(lambda: VARIABLE.set(bytearray(1_000)))
    assert cause.holder.startswith("contextvars.Context → context variable")
    assert cause.known == "context-variable"


def test_a_thread_that_its_executor_holds_too_is_named_by_threading() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def start() -> None:
        executor = ThreadPoolExecutor(1)
        executor.submit(int).result()
        LIST.append(executor)

    try:
        heads = {c.head: c.holder for c in causes_of(start)}
    finally:
        for executor in LIST:
            executor.shutdown()
    assert heads["concurrent.futures.thread.ThreadPoolExecutor"] == f"{HERE}.LIST[*]"
    assert "method" not in heads
    assert heads["threading.Thread"] == "threading._active[*]"


def test_a_handler_added_again_and_again() -> None:
    cause = cause_of(lambda: LOG.addHandler(logging.StreamHandler(sys.__stderr__)))
    LOG.handlers.clear()
    assert cause.head == "logging.StreamHandler"
    assert cause.holder.endswith(".handlers[*]")
    assert cause.holder.startswith((f"{HERE}.LOG", "logging."))


def test_a_logger_per_run_is_known() -> None:
    cause = cause_of(lambda: logging.getLogger(f"leaks.{os.urandom(8).hex()}"))
    assert cause.head == "logging.Logger"
    assert cause.known == "logging-logger-names"


def test_a_class_per_run_is_a_type_with_its_name() -> None:
    cause = cause_of(lambda: LIST.append(type("Made", (), {})))
    assert (cause.head, cause.label, cause.known) == ("type", f"{HERE}.Made", "class-per-run")


def test_a_running_thread_is_held_by_threading() -> None:
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start() -> None:
        payload = Payload()
        thread = threading.Thread(target=lambda: (payload, stop.wait()), name="worker", daemon=True)
        thread.start()
        threads.append(thread)

    try:
        causes = causes_of(start)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    found = [c for c in causes if c.head == "threading.Thread"]
    assert [(c.holder, c.label, c.known) for c in found] == [
        ("threading._active[*]", "worker", "thread-running")
    ]


def test_a_local_variable_of_a_running_function_is_found() -> None:
    def worker(turn: Callable[[], bool]) -> None:
        mine: list[object] = []
        while turn():
            mine.append(Payload())

    causes = causes_in_thread(worker, "worker")
    holders = [c.holder for c in causes if c.head == f"{HERE}.Payload"]
    assert len(holders) == 1
    assert holders[0].startswith("stack → local mine in ")
    assert holders[0].endswith("worker[*]")


@pytest.mark.parametrize(("linked", "bounded"), [(False, True), (True, False)])
def test_a_local_that_gets_another_value_has_a_limit(linked: bool, bounded: bool) -> None:
    # A server's loop: each look at its sockets takes the place of the one before.
    def serve(turn: Callable[[], bool]) -> None:
        ready: list[object] = []
        while turn():
            ready = [ready if linked else (turn, 1)]

    causes = causes_in_thread(serve, "server")
    found = [c for c in causes if c.holder.startswith("stack → local ready in ")]
    assert [c.bounded for c in found] == [bounded]


def test_an_object_held_from_c_is_said_so() -> None:
    import atexit

    registered: list[weakref.ref[Payload]] = []

    def register() -> None:
        payload = Payload()
        atexit.register(payload.method)
        registered.append(weakref.ref(payload))

    cause = next(c for c in causes_of(register) if c.head == "method")
    for payload in [ref() for ref in registered]:
        assert payload is not None
        atexit.unregister(payload.method)
    if sys.version_info < (3, 14):
        assert cause.holder == f"({HERE}.Payload.method held from C)"
        assert cause.known == "held-from-c"


def test_a_long_list_of_nodes_is_one_place() -> None:
    last = Node()
    LIST[:] = [last]
    for _ in range(100):
        last.next = Node()
        last = last.next
    tail = [last]
    del last

    def append() -> None:
        tail[0].next = Payload()

    cause = cause_of(append)
    assert cause.holder == f"{HERE}.LIST[*].next…"


def test_a_path_that_only_the_harness_knows_is_charged_to_it() -> None:
    import _pytest.config

    module: Any = _pytest.config
    module.kept_by_a_test = []
    try:
        cause = cause_of(lambda: module.kept_by_a_test.append(Payload()))
    finally:
        del module.kept_by_a_test
    assert cause.holder == "_pytest.config.kept_by_a_test[*]"
    assert cause.known == "pytest-retention"


def test_a_path_through_the_users_module_is_preferred_to_the_harness() -> None:
    import _pytest.config

    module: Any = _pytest.config
    module.kept_by_a_test = []

    def keep() -> None:
        payload = Payload()
        module.kept_by_a_test.append(payload)
        NESTED["a"]["b"][0].append(payload)

    try:
        assert cause_of(keep).holder == f"{HERE}.NESTED[*][*][*][*]"
    finally:
        del module.kept_by_a_test


def test_nothing_is_kept_and_no_garbage_is_made() -> None:
    survivors = left_by(list_and_mock)
    dead = [weakref.ref(o) for o in survivors if type(o) is Payload]
    assert dead
    gc.collect()
    gc.disable()
    try:
        explain_survivors(survivors)
        del survivors
        LIST.clear()
        CLIENT.reset_mock()
        DICT.clear()
        assert [ref() for ref in dead if ref() in (None, *LIST)] == [None] * len(dead)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        made = [type(o).__module__ for o in gc.garbage]
        assert not [m for m in made if m.startswith("pytest_leakcheck")]
        assert not [o for o in gc.garbage if type(o) is types.FrameType]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_the_fingerprint_is_the_same_for_each_run() -> None:
    prints = {cause_of(lambda: DICT.update({os.urandom(8): Payload()})).fingerprint for _ in "123"}
    assert len(prints) == 1


def test_names_that_are_made_with_a_counter_are_one_cause() -> None:
    """As code does that compiles a function under a new name for each use. A name that has no kin
    of its type stands for itself."""
    names: dict[str, type] = {
        "made_left_17": Payload,
        "made_left_9": Payload,
        "made_right_18": Payload,
    }
    names |= {"made_right_7": Payload, "version_2": Payload, "version_3": Text}

    def add(*chosen: str) -> None:
        globals().update({n: Payload() if names[n] is Payload else Text("") for n in chosen})

    add("made_left_9", "made_right_7", "version_3")
    try:
        prints = {n: cause_of(functools.partial(add, n)) for n in names if n not in globals()}
        made = [cause for name, cause in prints.items() if name.startswith("made")]
        assert [(cause.holder, cause.steps[-1].edge) for cause in made] == [
            (f"{HERE}.*", ".made_left_17"),
            (f"{HERE}.*", ".made_right_18"),
        ]
        assert len({cause.fingerprint for cause in made}) == 1
        assert prints["version_2"].holder == f"{HERE}.version_2"
    finally:
        for name in names:
            del globals()[name]


@pytest.mark.parametrize("holder", ["made_slot_*", "*"])
def test_a_catalogue_may_name_one_of_them_or_all(holder: str) -> None:
    told = Known(id="slots", what="", remedy="", holder=[f"{HERE}.{holder}"], bounded=True)
    globals()["made_slot_1"] = Payload()
    try:
        cause = cause_of(lambda: globals().update(made_slot_2=Payload()), known=(told,))
        assert (cause.known, cause.bounded, cause.holder) == ("slots", True, f"{HERE}.*")
    finally:
        for number in "12":
            del globals()[f"made_slot_{number}"]


def test_retained_extension_objects_are_flagged() -> None:
    import msgspec

    plain = cause_of(lambda: LIST.append(Payload()))
    native = cause_of(lambda: LIST.append([msgspec.json.Decoder()]))
    assert (plain.extension, native.extension) == (False, True)


def test_time_that_is_up_still_accounts_for_all_survivors() -> None:
    ticks = iter(range(1_000_000))
    causes = causes_of(
        two_places,
        clock=lambda: float(next(ticks)),
        budget_s=1.0,
    )
    assert sum(c.per_run for c in causes) == 2


def test_no_survivors_have_no_causes() -> None:
    assert explain_survivors([]) == []


def test_a_graph_of_this_process_satisfies_the_seam() -> None:
    from pytest_leakcheck.explain.graph import ObjectGraph

    seam: ObjectGraph = LiveGraph()
    assert seam.root(sys.modules["os"]) is not None
    assert seam.root([]) is None


def test_a_forward_walk_finds_what_the_collector_does_not_track(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dict of plain values, which a watch for containers that grow looks for."""
    table = {1: 2}
    monkeypatch.setattr(sys.modules[__name__], "table", table, raising=False)
    (path,) = find_holders(LiveGraph(), [[table]], (), clock=lambda: 1.0, budget_s=-1.0)
    assert path is not None
    assert holder_line(path.root.name, path.hops) == f"{__name__}.table"


def test_a_class_is_replaced_only_by_another_that_claims_its_place() -> None:
    """Neither a subclass, as decorators make it, nor a compiled class, as of asyncio, replaces."""
    import asyncio.futures

    from pytest_leakcheck.explain.roots import replaced

    module: Any = sys.modules[__name__]
    old = Payload
    other = type("Payload", (), {"__module__": __name__})
    derived = type("Payload", (old,), {"__module__": __name__})
    assert replaced(old()) == replaced(MagicMock()) == replaced(derived) == ""
    assert replaced(vars(asyncio.futures)["_PyFuture"]) == ""
    try:
        module.Payload = derived
        assert replaced(old) == ""
        module.Payload = other
        assert replaced(old) == f"replaced: {__name__} has another class of that name"
        assert replaced(old()).startswith("an instance of a class that was replaced")
    finally:
        module.Payload = old
