"""The command line of a confirming pytest: the user's own, without what must not happen twice."""

from __future__ import annotations

import pytest

#: Options of the user's command line that would change which tests run, or write over the suite's
#: own outputs. ``True``: the option's value is the next word, unless it is given with ``=``.
_DROPPED = {
    **dict.fromkeys(
        ("--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first"), False
    ),
    **dict.fromkeys(
        ("--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "-x", "--exitfirst"), False
    ),
    **dict.fromkeys(("--pdb", "--trace", "--memray", "--leakcheck", "--sw-reset"), False),
    **dict.fromkeys(("--maxfail", "--junitxml", "--junit-xml", "--html", "--report-log"), True),
    **dict.fromkeys(("--leakcheck-label", "--leakcheck-dir", "--leakcheck-depth"), True),
    **dict.fromkeys(("--leakcheck-confirm-budget", "--leakcheck-confirm-workers"), True),
    **dict.fromkeys(("--leakcheck-env", "--leakcheck-screen", "--rootdir", "-c"), True),
    **dict.fromkeys(("--limit-memory", "--limit-leaks", "--memray-bin-path", "--basetemp"), True),
    **dict.fromkeys(("--deselect", "--lfnf", "--last-failed-no-failures", "--log-file"), True),
}

#: Options of plugins that would take the repeats apart, with the words that switch them off.
_SWITCHED_OFF = {
    "numprocesses": ("-n0", "--dist=no"),
    "no_cov": ("--no-cov",),
    "timeout_method": ("--timeout=0",),
}

#: pytest's own options whose value is the next word and may look like a file.
_TAKES_VALUE = frozenset(
    ("-k", "-m", "-p", "-o", "-W", "-c", "-n", "--ignore", "--ignore-glob", "--rootdir", "--tb")
)


def confirming_arguments(config: pytest.Config) -> list[str]:
    """Options with which a confirming pytest collects what this command line does; no files."""
    words = kept_arguments(config)
    if config.inipath is not None:
        words += ["-c", str(config.inipath)]
    # Told by their options: a plugin that is loaded with ``-p`` goes by another name.
    for option, off in _SWITCHED_OFF.items():
        if hasattr(config.option, option):
            words += off
    return words


def kept_arguments(config: pytest.Config) -> list[str]:
    """The user's command line without its files and without what must not happen twice."""
    words = list(map(str, config.invocation_params.args))
    for positional in map(str, config.option.file_or_dir or ()):
        _drop_last(words, positional)
    kept: list[str] = []
    left = iter(words)
    for word in left:
        name, has_value, _ = word.partition("=")
        if name not in _DROPPED:
            kept.append(word)
        elif _DROPPED[name] and not has_value:
            next(left, None)
    return kept


def _drop_last(words: list[str], positional: str) -> None:
    """Take out a file's last mention that is not the value of an option before it."""
    for at in reversed(range(len(words))):
        follows = at > 0 and words[at - 1] in _TAKES_VALUE
        if words[at] == positional and not follows:
            del words[at]
            return
