"""What an object is made of, read without running its code.

Every function here uses ``type(o)``, ``id``, ``is`` and C-level descriptors of CPython only. A
``MagicMock`` answers every question it is asked; a metaclass may define ``__module__`` or
``__eq__``; a class may lie about ``__class__``. None of them is asked.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import sys
import threading
import types
import weakref
from array import array
from collections.abc import Collection, Iterable
from gc import get_referents as _get_referents
from typing import Any, Literal, TypeAlias

#: A live object. ``Any`` stands at this boundary only.
Live: TypeAlias = Any

ThreadLocal = threading.local

_raw_type_dict = type.__dict__["__dict__"].__get__
_raw_mro = type.__dict__["__mro__"].__get__
_raw_qualname = type.__dict__["__qualname__"].__get__
_raw_module = type.__dict__["__module__"].__get__
_raw_flags = type.__dict__["__flags__"].__get__
_raw_basicsize = type.__dict__["__basicsize__"].__get__
_raw_dict_of_module = _raw_type_dict(types.ModuleType)["__dict__"].__get__
_raw_objclass = types.MethodDescriptorType.__dict__["__objclass__"].__get__

_referent = weakref.ReferenceType.__dict__["__call__"]

_BUILTINS = builtins.__dict__
_STDLIB = frozenset(sys.stdlib_module_names)

#: ``Py_TPFLAGS_MANAGED_DICT`` (3.11+): attributes may lie in the object itself, without a dict.
_MANAGED_DICT = 1 << 4 if sys.version_info >= (3, 11) else 0
_HAVE_GC = 1 << 14
_GC_HEADER = 16

_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_C_METHODS = (types.MethodDescriptorType, types.WrapperDescriptorType)


def is_one_of(cls: type, classes: Iterable[type]) -> bool:
    """Whether a class is one of these. ``in`` would ask its metaclass for ``==`` or a hash."""
    return any(cls is other for other in classes)


def class_dict(cls: type) -> Any:
    """The read-only view of a class's own namespace. O(1)."""
    return _raw_type_dict(cls)


def mro_of(cls: type) -> tuple[type, ...]:
    """The method resolution order, past any metaclass. O(1)."""
    return _raw_mro(cls) or ()


def plain(text: object) -> str:
    """The exact ``str`` behind a ``str`` or subclass; ``?`` for anything else. O(1)."""
    if type(text) is str:
        return text
    return str.__str__(text) if issubclass(type(text), str) else "?"


def class_name(cls: type) -> str:
    """``module.Qualname`` of a class, ``Qualname`` alone for a builtin. O(1)."""
    try:
        module = plain(_raw_module(cls))
    except AttributeError:
        module = "?"
    name = plain(_raw_qualname(cls))
    return name if module == "builtins" else f"{module}.{name}"


#: The type of what ``functools.lru_cache`` returns.
LRU = type(functools.lru_cache(lambda: None))


def is_weak(o: Live) -> bool:
    """Whether an object is a weak reference: what holds that one holds nothing else. O(1)."""
    return issubclass(type(o), weakref.ReferenceType)


def is_dead_reference(o: Live) -> bool:
    """Whether an object is a weak reference to something that is gone. O(1)."""
    return is_weak(o) and _referent(o) is None


def has_weak_keys(o: Live) -> bool:
    """Whether an object is the table of a ``WeakKeyDictionary``, by its first key. O(1)."""
    return type(o) is dict and bool(o) and is_weak(next(iter(o)))


def gone_with_keys(table: Live, values: Iterable[Live], born: Collection[int]) -> set[int]:
    """Of some values of such a table the ids of those that go when their keys do, which are among
    the objects with the ids ``born``: the table does not hold them. It does where a value leads to
    its key. O(entries), and O(references of the objects) where it is told apart."""
    asked = {id(value): value for value in values}
    keys: dict[int, set[int]] = {}
    for key, held in list(dict.items(table)):  # other threads may change it
        if id(held) in asked and is_weak(key) and id(_referent(key)) in born:
            keys.setdefault(id(held), set()).add(id(_referent(key)))
    return {number for number, own in keys.items() if not leads_to(asked[number], own, born)}


#: So many objects are passed on the way from a value to its key.
_MOST_PASSED = 2_000


def holds_own_key(table: Live, value: Live) -> bool:
    """Whether a value of a weak-keyed table leads to its own key, so that neither ever goes.
    O(entries), and O(references of some objects)."""
    if not has_weak_keys(table):
        return False
    keys = {
        id(_referent(key))
        for key, held in list(dict.items(table))  # other threads may change it
        if held is value and is_weak(key) and _referent(key) is not None
    }
    seen, work = {id(value)}, [value]
    while keys and work and len(seen) < _MOST_PASSED:
        for o in referents(work.pop()):
            if id(o) in keys:
                return True
            if id(o) not in seen and not issubclass(type(o), (type, types.ModuleType)):
                seen.add(id(o))
                work.append(o)
    return False


def leads_to(start: Live, ids: Collection[int], among: Collection[int]) -> bool:
    """Whether an object is one of those with some ids, or leads to one by way of objects that are
    among others. O(references of those)."""
    seen, work = {id(start)}, [start]
    while work:
        o = work.pop()
        if id(o) in ids:
            return True
        new = [r for r in referents(o) if id(r) in among and id(r) not in seen]
        seen.update(map(id, new))
        work += new
    return False


def type_name(o: Live) -> str:
    """The qualified name of an object's type. O(1)."""
    return class_name(type(o))


def package_of(cls: type) -> str:
    """The top-level package in which a class was defined. O(1)."""
    try:
        return plain(_raw_module(cls)).partition(".")[0]
    except AttributeError:
        return ""


def is_gc_type(cls: type) -> bool:
    """Whether instances take part in garbage collection. O(1)."""
    return bool(_raw_flags(cls) & _HAVE_GC)


def raw_class_attribute(cls: type, name: str) -> Any:
    """The first value of that name along the MRO's raw namespaces, unbound. O(MRO)."""
    for base in mro_of(cls):
        found = class_dict(base).get(name, _raw_mro)
        if found is not _raw_mro:
            return found
    return None


def is_module(o: Live) -> bool:
    """Whether an object is a module. O(1)."""
    return issubclass(type(o), types.ModuleType)


def referents(o: Live) -> list[Live]:
    """What an object refers to; of a module its namespace alone. O(references).

    On 3.12 the module ``_asyncio`` shows the collector the dead objects of its free list. To take a
    reference to one and drop it again puts it there twice, and the next collection never ends.
    """
    return [module_dict(o)] if is_module(o) else _get_referents(o)


def all_referents(objects: list[Live]) -> list[Live]:
    """What all of these refer to, as :func:`referents` says, one after the other."""
    kinds = dict(zip(map(id, map(type, objects)), map(type, objects), strict=True))
    if any(issubclass(cls, types.ModuleType) for cls in kinds.values()):
        return _get_referents(*((module_dict(o),) if is_module(o) else o for o in objects))
    return _get_referents(*objects)


def module_dict(module: types.ModuleType) -> dict[str, Any]:
    """A module's namespace, past a module subclass's ``__getattribute__``. O(1)."""
    found = _raw_dict_of_module(module)
    return found if type(found) is dict else {}


def module_name(module: types.ModuleType) -> str:
    """The name a module gives itself. O(1)."""
    return plain(module_dict(module).get("__name__"))


def namespace_of_class(cls: type) -> Any:
    """The dict behind a class's read-only view; for identity tests only. O(1)."""
    found = _get_referents(class_dict(cls))
    return found[0] if found else None


def has_inline_attributes(o: Live) -> bool:
    """Whether attributes lie in the object itself, with no dict made yet. O(referents)."""
    if not _raw_flags(type(o)) & _MANAGED_DICT:
        return False
    return not any(type(r) is dict for r in _get_referents(o))


_POINTER = ctypes.sizeof(ctypes.c_void_p)
#: Where a list keeps the address of its slots, its last field but one, and a tuple its first slot.
_LIST_SLOTS_AT = list.__basicsize__ - 2 * _POINTER
_TUPLE_SLOTS_AT = tuple.__basicsize__
_ADDRESSES: Literal["Q", "L"] = "Q" if _POINTER == 8 else "L"


def slots(o: Live) -> array[int]:
    """The addresses of what lies in the slots of a list or tuple, 0 for one that is empty. O(1) of
    a tuple, O(items) of a list.

    Compiled code may make a list or tuple with room and never fill it: to index or iterate over an
    empty slot ends the process. Nothing but the addresses is read here.
    """
    if issubclass(type(o), list):
        count, at = list.__len__(o), ctypes.c_void_p.from_address(id(o) + _LIST_SLOTS_AT).value
    else:
        count, at = tuple.__len__(o), id(o) + _TUPLE_SLOTS_AT
    if not count or at is None:
        return array(_ADDRESSES)
    return array(_ADDRESSES, ctypes.string_at(at, count * _POINTER))


def filled(o: Live, last: int | None = None) -> list[Live]:
    """What lies in the slots of a list or tuple, in order, without those that are empty.
    O(slots).

    Args:
        last: only what lies in so many slots at its end.
    """
    iterate = list.__getitem__ if issubclass(type(o), list) else tuple.__getitem__
    part = slice(None) if last is None else slice(-last, None) if last else slice(0)
    addresses = slots(o)[part]
    if 0 not in addresses:
        return list(iterate(o, part))
    # The collector's own walk passes over empty slots.
    known = {id(held): held for held in _get_referents(o)}
    return [known[address] for address in addresses if address in known]


def instance_dict(o: Live, *, make: bool = False) -> dict[Any, Any] | None:
    """The ``__dict__`` of an instance, or None.

    Reading ``__dict__`` makes the dict where it does not exist yet, and it stays with the object.
    Therefore it is only read where one exists already, or where the caller asks for it with
    ``make`` (3.11+ keeps attributes in the object itself; their names are found no other way).
    O(referents).
    """
    cls = type(o)
    if issubclass(cls, types.ModuleType):
        return module_dict(o)
    if issubclass(cls, type):
        return None
    candidates = [r for r in _get_referents(o) if issubclass(type(r), dict)]
    made = make and bool(_raw_flags(cls) & _MANAGED_DICT)
    descriptor = raw_class_attribute(cls, "__dict__")
    if not is_one_of(type(descriptor), _DESCRIPTORS) or not (candidates or made):
        return None
    try:
        found: Any = descriptor.__get__(o)
    except (AttributeError, TypeError):
        return None
    # A C type may make a dict on demand: only one that the object holds already is its own.
    own = made or any(found is candidate for candidate in candidates)
    return found if own and issubclass(type(found), dict) else None


def members(o: Live) -> list[tuple[str, Any]]:
    """Slots and C members that are set, as (name, value). O(attributes of the classes)."""
    found: list[tuple[str, Any]] = []
    if issubclass(type(o), type):
        return found
    for base in mro_of(type(o)):
        for name, descriptor in class_dict(base).items():
            if type(descriptor) is types.MemberDescriptorType and plain(name) != "__dict__":
                try:
                    found.append((plain(name), descriptor.__get__(o)))
                except (AttributeError, TypeError):
                    continue
    return found


def attribute(o: Live, name: str, *, make: bool = False) -> Any:
    """An attribute's stored value (instance dict or slot), or None. O(referents).

    Without ``make`` it does not see attributes that lie in the object itself
    (see :func:`instance_dict`).
    """
    namespace = instance_dict(o, make=make)
    if namespace is not None and (value := dict.get(namespace, name)) is not None:
        return value
    descriptor = raw_class_attribute(type(o), name)
    if type(descriptor) is types.MemberDescriptorType:
        try:
            return descriptor.__get__(o)
        except (AttributeError, TypeError):
            return None
    return None


#: From 3.11 on attributes lie in an array beside the object, from 3.13 on behind it: no size tells.
_VALUES_APART = sys.version_info >= (3, 11)


def _values_bytes(o: Live) -> int:
    """Bytes of the array in which an object's attributes lie; 0 where it has none."""
    if not has_inline_attributes(o):
        return 0
    # The class is among what the object refers to; the array begins with its own size.
    return _POINTER * len(_get_referents(o))


def keys_bytes(table: dict[Live, Live], values: Collection[int], sizes: Sizes) -> int:
    """Bytes of the keys that only a dict holds, of the values with these ids. O(entries)."""
    found = 0
    for key, value in list(dict.items(table)):  # other threads may change it
        # Held by the dict, by the copy of its items, by the name here and by the call.
        if id(value) in values and not is_gc_type(type(key)) and _refcount(key) <= _ONLY_THERE:
            found += sizes.of(key)
    return found


_refcount = sys.getrefcount
_ONLY_THERE = 4


class Sizes:
    """Own sizes of objects in bytes, collector's header included.

    Keeps one entry per type by ``id`` for the length of one analysis. O(1) per object after the
    first of its type. ``__sizeof__`` is called where it is C; where it is Python, the type's basic
    size stands in for it.
    """

    def __init__(self) -> None:
        self._by_type: dict[int, tuple[Any, int]] = {}

    def of(self, o: Live) -> int:
        """Own size of an object in bytes, with the array of its attributes where it has one.
        O(attributes) then."""
        return self._own(o) + (_values_bytes(o) if _VALUES_APART else 0)

    def _own(self, o: Live) -> int:
        cls = type(o)
        known = self._by_type.get(id(cls))
        if known is None:
            known = self._by_type[id(cls)] = self._recipe(cls)
        method, extra = known
        if method is None:
            return extra
        try:
            size = method(o)
        except Exception:  # noqa: BLE001 - an extension's __sizeof__ may fail in any way
            return int(_raw_basicsize(cls)) + extra
        return size + extra if type(size) is int else extra

    @staticmethod
    def _recipe(kind: type) -> tuple[Any, int]:
        header = _GC_HEADER if is_gc_type(kind) else 0
        method = raw_class_attribute(kind, "__sizeof__")
        if type(method) is types.MethodDescriptorType:
            return method, header
        return None, header + int(_raw_basicsize(kind))


def is_extension_type(cls: type) -> bool:
    """Whether a class, or the class that lays out its memory, is compiled code outside CPython.

    Numpy arrays, PyO3 and Cython classes hold native memory that Python cannot see. O(attributes
    of the class); callers keep the answer per type.
    """
    for base in mro_of(cls):
        package = package_of(base)
        if package == "builtins":
            name = plain(_raw_qualname(base))
            # PyO3 classes without a module claim to be builtins; few real ones are in its dict.
            if _BUILTINS.get(name) is base or not _is_heap_type(base):
                continue
        elif package in _STDLIB:
            continue
        if not _is_heap_type(base) or _has_c_methods(base):
            return True
    return False


def _is_heap_type(cls: type) -> bool:
    return bool(_raw_flags(cls) & (1 << 9))


def _has_c_methods(cls: type) -> bool:
    return any(
        is_one_of(type(value), _C_METHODS) and _raw_objclass_of(value) is cls
        for value in class_dict(cls).values()
    )


def _raw_objclass_of(descriptor: Any) -> Any:
    if type(descriptor) is types.MethodDescriptorType:
        return _raw_objclass(descriptor)
    return descriptor.__objclass__
