#!/usr/bin/env bash
# Runs the suite under pytest-xdist with limits of memory and time.
set -euo pipefail

readonly MEMORY_MB_DEFAULT=1500 TIMEOUT_S_DEFAULT=900 TEST_TIMEOUT_S_DEFAULT=60

usage() {
    cat <<EOF
Usage: scripts/run_tests_with_memory_limit.sh [WORKERS] [OPTIONS] [-- PYTEST-ARGUMENTS]

WORKERS is 1, 2, 4, any other number, or auto (one per core). Default: 2.

Options:
  -s, --state STATE       before, guide or after (default: \$RAG_STATE or before)
  -p, --part PART         converters  tests/test_converter_*.py
                          unit        tests/rag/unit
                          rag         tests/rag without unit: real Chroma stores
                          all         everything (default)
  -c, --coverage LEVEL    none (default), minimal (lines of rag) or full (branches, report)
  -m, --memory MB         resident memory that each worker may have; 0 is no limit
                          (default: $MEMORY_MB_DEFAULT). Looked at after each test; the run stops in order
                          and names the test. A single test is stopped by a limit of
                          address space, 4 GB higher.
  -t, --timeout S         seconds for the whole run (default: $TIMEOUT_S_DEFAULT)
  -T, --test-timeout S    seconds for one test, by pytest-timeout (default: $TEST_TIMEOUT_S_DEFAULT)
  -h, --help              this text

The limit is per process: the machine needs workers x MB. Set PYTHON to choose an interpreter.
Exit status: that of pytest, or 124 when the whole run took too long.
EOF
}

fail() {
    printf '%s\n' "$1" "See scripts/run_tests_with_memory_limit.sh --help" >&2
    exit 2
}

is_number() { [[ $1 =~ ^[0-9]+$ ]]; }

workers=2
state=${RAG_STATE:-before}
part=all
coverage=none
memory_mb=$MEMORY_MB_DEFAULT
timeout_s=$TIMEOUT_S_DEFAULT
test_timeout_s=$TEST_TIMEOUT_S_DEFAULT
extra=()

while (($#)); do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --) shift; extra=("$@"); break ;;
        -s | --state | -p | --part | -c | --coverage | -m | --memory | -t | --timeout | -T | --test-timeout)
            (($# >= 2)) || fail "$1 needs a value."
            case $1 in
                -s | --state) state=$2 ;;
                -p | --part) part=$2 ;;
                -c | --coverage) coverage=$2 ;;
                -m | --memory) memory_mb=$2 ;;
                -t | --timeout) timeout_s=$2 ;;
                -T | --test-timeout) test_timeout_s=$2 ;;
            esac
            shift 2 ;;
        -*) fail "Unknown option $1." ;;
        *) workers=$1; shift ;;
    esac
done

[[ $workers == auto || $workers =~ ^[1-9][0-9]*$ ]] || fail "WORKERS is '$workers'; it must be a number from 1 or auto."
[[ $state =~ ^(before|guide|after)$ ]] || fail "State '$state' is unknown."
is_number "$memory_mb" || fail "--memory is '$memory_mb'; it must be a number of MB."
is_number "$timeout_s" || fail "--timeout is '$timeout_s'; it must be a number of seconds."
is_number "$test_timeout_s" || fail "--test-timeout is '$test_timeout_s'; it must be a number of seconds."

cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $part in
    converters) targets=(tests/test_converter_*.py) ;;
    unit) targets=(tests/rag/unit) ;;
    rag) targets=(tests/rag --ignore=tests/rag/unit) ;;
    all) targets=(tests) ;;
    *) fail "Part '$part' is unknown." ;;
esac

case $coverage in
    none) measured=() ;;
    minimal) measured=(--cov=rag "--cov-config=states/$state/.coveragerc" --cov-report=) ;;
    full) measured=(--cov=rag "--cov-config=states/$state/.coveragerc" --cov-branch --cov-report=term-missing) ;;
    *) fail "Coverage level '$coverage' is unknown." ;;
esac

python=${PYTHON:-python}
"$python" -c 'import pytest_timeout, xdist' 2>/dev/null ||
    fail "pytest-xdist and pytest-timeout are needed: $python -m pip install -r requirements.txt"
[[ $coverage == none ]] || mkdir -p .coverage-data

output=$(mktemp)
trap 'rm -f "$output"' EXIT

status=0
RAG_STATE=$state RAG_MEMORY_LIMIT_MB=$memory_mb \
    timeout --kill-after=10 "$timeout_s" \
    "$python" -m pytest -n "$workers" --timeout="$test_timeout_s" \
    ${measured[@]+"${measured[@]}"} "${targets[@]}" ${extra[@]+"${extra[@]}"} 2>&1 |
    tee "$output" || status=${PIPESTATUS[0]}

explain() { printf '\n' >&2; printf '%s\n' "$@" >&2; }

if ((status == 124 || status == 137)); then
    explain "The whole run took more than ${timeout_s} s and was stopped." \
        "Run a part (--part unit), or allow more (--timeout)."
fi
if grep -q "memory limit:" "$output"; then
    explain "A worker went above ${memory_mb} MB, and the run was stopped after that test." \
        "If memory grows from test to test, something is kept: compare with --state after." \
        "More workers make each of them smaller and the sum larger."
fi
if grep -Eq "worker 'gw[0-9]+' crashed|node down" "$output"; then
    explain "A worker crashed: its process was ended from outside or by native code." \
        "Out of memory? Look at the kernel's log (dmesg), give --memory, or use fewer workers." \
        "Under --dist loadscope or loadfile the tests behind the crash may not have run at all."
fi
if grep -q "database is locked" "$output"; then
    explain "SQLite's database is locked: another process or connection writes the same file." \
        "Give each test a directory of its own (tmp_path); an idle open store holds no lock."
fi
if grep -Eq "Too many open files|unable to open database file" "$output"; then
    explain "No more files can be opened; each store that is not closed keeps about 12." \
        "Close stores (--state after), or raise the limit: ulimit -Hn."
fi
exit "$status"
