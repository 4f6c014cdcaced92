"""Who answers for an allocation, from its frames."""

from __future__ import annotations

import pytest

from pytest_leakcheck.native.attribution import UNKNOWN, Frame, author_of, is_evaluation, readable
from pytest_leakcheck.native.captures import is_nobodys

PYTHON = "/usr/lib/libpython3.11.so.1.0"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
IGRAPH = "/site-packages/igraph/_igraph.abi3.so"
JSON = "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so"

TEST = Frame("test_leak", "/srv/app/test_app.py", 7)
INNER = Frame("heuristic", "/srv/app/app.py", 3)


def native(function: str, library: str, file: str = UNKNOWN, line: int = 0) -> Frame:
    """A frame of compiled code."""
    return Frame(function, file, line, library)


def test_a_library_that_allocates_answers() -> None:
    """Beyond the allocators, before any Python."""
    frames = [
        native("malloc", LIBC),
        native("igraph_malloc", IGRAPH),
        native("igraph_graph_list_reserve", IGRAPH),
        native("igraph_decompose", IGRAPH),
        native("PyObject_Vectorcall", PYTHON),
        TEST,
    ]
    author = author_of(frames, python_object=False)
    assert (author.function, author.library) == ("igraph_graph_list_reserve", IGRAPH)
    assert author.caller is TEST


def test_a_library_without_symbols_is_named_all_the_same() -> None:
    """The shared object is known where the function is not."""
    author = author_of([native(UNKNOWN, IGRAPH), TEST], python_object=False)
    assert (author.function, author.library) == ("", IGRAPH)


def test_a_library_whose_only_name_is_an_allocators_keeps_it() -> None:
    """Better than none."""
    author = author_of([native("big_alloc", IGRAPH), TEST], python_object=False)
    assert author.function == "big_alloc"


@pytest.mark.parametrize(
    "helper",
    [
        native("__Pyx_PyUnicode_FromString", IGRAPH, "src/error.c", 18148),
        native("PyObject_CallMethodNoArgs", IGRAPH, "/opt/include/python3.11/abstract.h", 107),
    ],
)
def test_what_a_compiler_copies_into_a_library_does_not_answer(helper: Frame) -> None:
    """Cython's helpers and Python's inline functions serve the function around them."""
    author = author_of([helper, native("istr_new", IGRAPH), TEST], python_object=True)
    assert author.function == "istr_new"


def test_what_frees_is_no_allocator() -> None:
    """A deallocator that makes an object, and loses it."""
    frames = [
        native("__Pyx_DelItemInt_Fast", IGRAPH),
        native("__pyx_pf_3pkg_2db_6Handle_8_dealloc", IGRAPH),
        TEST,
    ]
    assert author_of(frames, python_object=True).function == "pkg.db.Handle._dealloc"


def test_a_librarys_own_function_with_a_python_like_name_answers() -> None:
    """numpy's API begins with Py too."""
    frames = [native("PyArray_NewFromDescr", "/numpy/_umath.so"), TEST]
    assert author_of(frames, python_object=True).function == "PyArray_NewFromDescr"


def test_python_that_allocates_answers_itself() -> None:
    """The interpreter allocates on behalf of its innermost function."""
    author = author_of([native("_PyLong_New", PYTHON), TEST, INNER], python_object=True)
    assert (author.function, author.library, author.frame) == ("test_leak", "", TEST)


def test_compiled_code_that_calls_python_gets_what_it_makes() -> None:
    """A callback's result goes to the library that called it."""
    frames = [
        native("PyFloat_FromDouble", PYTHON),
        INNER,
        native("_PyEval_Vector", PYTHON),
        native("heuristic_callback", IGRAPH),
        native("PyObject_Vectorcall", PYTHON),
        TEST,
    ]
    author = author_of(frames, python_object=True)
    assert (author.function, author.library) == ("heuristic", IGRAPH)


def test_python_called_by_python_is_no_callback() -> None:
    """Compiled code further out did not get it."""
    frames = [native("PyFloat_FromDouble", PYTHON), INNER, TEST, native("run", IGRAPH), TEST]
    assert author_of(frames, python_object=True).library == ""


def test_the_standard_librarys_modules_make_objects_for_others() -> None:
    """But C memory of their own."""
    frames = [native("scanstring", JSON), TEST]
    assert author_of(frames, python_object=True).function == "test_leak"
    assert author_of(frames, python_object=False).function == "scanstring"


def test_without_shared_objects_names_must_do() -> None:
    """A capture that cannot be dumped still has symbols."""
    frames = [
        native("malloc", UNKNOWN),
        native("PyObject_Malloc", UNKNOWN),
        native("type_call", UNKNOWN, "Objects/typeobject.c", 1103),
        native("leaky_init", UNKNOWN),
        TEST,
    ]
    author = author_of(frames, python_object=False)
    assert (author.function, author.library) == ("leaky_init", "")


def test_nobody_answers_for_no_frames() -> None:
    """A stack may be empty."""
    assert author_of([], python_object=False).frame is None


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("malloc_it", "malloc_it"),
        ("xsf::cyl_bessel_y(double, std::complex<double>)", "xsf::cyl_bessel_y"),
        ("ns::f(void (*)(int)) const", "ns::f"),
        ("serde::de::visit::h0123456789abcdef", "serde::de::visit"),
        ("__pyx_pw_9propcache_10_helpers_c_15cached_property_5__get__",
         "propcache._helpers_c.cached_property.__get__"),
        ("__pyx_pf_4h5py_8_objects_8ObjectID_4_dealloc", "h5py._objects.ObjectID._dealloc"),
        ("__pyx_pw_odd", "__pyx_pw_odd"),
    ],
)  # fmt: skip
def test_symbols_are_told_as_people_write_them(symbol: str, name: str) -> None:
    """Without parameters, hashes and mangling."""
    assert readable(symbol) == name


def test_a_long_symbol_is_cut() -> None:
    """Templates can fill pages."""
    assert len(readable("ns::" + "t" * 500)) == 120


def test_the_interpreters_loop_is_known() -> None:
    """Of all versions."""
    assert is_evaluation("_PyEval_EvalFrameDefault.cold")
    assert is_evaluation("_TAIL_CALL_LOAD_FAST")
    assert not is_evaluation("_PyEval_Vector")


def test_what_a_thread_of_compiled_code_allocates_is_its_librarys() -> None:
    """No frame of Python asked for it; without any library it is nobody's."""
    assert not is_nobodys([native(UNKNOWN, IGRAPH), native("start_thread", LIBC)])
    assert is_nobodys([Frame(UNKNOWN, UNKNOWN, 0)])
    assert is_nobodys([native("malloc", LIBC), Frame("runtest", "/x/_pytest/runner.py", 1)])
