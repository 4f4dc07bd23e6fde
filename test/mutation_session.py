"""A run of pytest that tries changes of functions on the tests that it has collected."""

from __future__ import annotations

import ast
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from mutants import Mutant

NO_TEST = 5
PATIENCE, AT_LEAST_S = 10, 5
"""Times its ordinary duration that a test may take on a changed module, and seconds beside."""


class Session:
    """A pytest plugin. It first runs all tests to learn how long they take and what they enter."""

    def __init__(
        self,
        file: str,
        changes: Iterable[tuple[Mutant, ast.Module]],
        report: Callable[[Mutant, int], None],
    ) -> None:
        """Prepare.

        Args:
            file: of the module that changes.
            changes: of its functions; the tree has the change while it is looked at.
            report: hears of each change with the exit code of the tests on it.
        """
        self._file, self._changes, self._report = file, changes, report
        self._entered: set[int] = set()
        self._imported: set[int] = set()
        self._known: list[tuple[float, Any, set[int]]] = []

    @property
    def seconds(self) -> float:
        """That all tests take."""
        return sum(seconds for seconds, _, _ in self._known)

    def pytest_collection(self) -> None:
        """Importing enters functions, too."""
        sys.settrace(self._watch)

    def pytest_collection_finish(self) -> None:
        """Importing is over."""
        sys.settrace(None)
        self._imported = self._entered

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run the tests on the unchanged module, then on every change."""
        if session.testsfailed:
            return True
        for item in session.items:
            self._entered, started = set(), time.perf_counter()
            sys.settrace(self._watch)
            failed = _fails(item)
            sys.settrace(None)
            self._known.append((time.perf_counter() - started, item, self._entered))
            if failed:
                session.testsfailed += 1
                return True
        self._known.sort(key=lambda known: known[0])
        functions = _functions(self._file)
        for mutant, tree in self._changes:
            self._report(mutant, self._try(mutant, tree, functions))
        return True

    def _watch(self, frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename == self._file:
            self._entered.add(frame.f_code.co_firstlineno)

    def _try(self, mutant: Mutant, tree: ast.Module, functions: dict[int, FunctionType]) -> int:
        line = mutant.function
        assert line is not None, "only functions change while tests are loaded"
        chosen = [
            (seconds, item)
            for seconds, item, entered in self._known
            if line in entered or line in self._imported
        ]
        if not chosen:
            return NO_TEST
        changed = {code.co_firstlineno: code for code in _codes(compile(tree, self._file, "exec"))}

        def task() -> int:
            functions[line].__code__ = changed[line]
            for seconds, item in chosen:
                # A loop that has no end any more is noticed by the fastest test.
                signal.alarm(round(AT_LEAST_S + PATIENCE * seconds))
                if _fails(item):
                    return 1
            return 0

        return forked(AT_LEAST_S, task)


def forked(limit_s: float | None, task: Callable[[], int]) -> int:
    """Exit code of a task in a silent fork of this process, negative if it had to be ended.

    A task without a limit may write to standard error.
    """
    child = os.fork()
    if child == 0:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            if limit_s is not None:
                os.dup2(nowhere.fileno(), 2)
                signal.alarm(max(1, round(limit_s)))
        try:
            os._exit(task())
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _fails(item: Any) -> bool:
    from _pytest.runner import runtestprotocol

    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _functions(file: str) -> dict[int, FunctionType]:
    """The functions and methods of a loaded module by their first lines."""
    (module,) = [m for m in sys.modules.values() if getattr(m, "__file__", None) == file]
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    values = [vars(module), *(vars(one) for one in classes)]
    found: dict[int, FunctionType] = {}
    for value in (value for namespace in values for value in namespace.values()):
        function = value.fget if isinstance(value, property) else value
        function = getattr(function, "__func__", function)
        if isinstance(function, FunctionType) and function.__code__.co_filename == file:
            found[function.__code__.co_firstlineno] = function
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """All code within a module's."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
