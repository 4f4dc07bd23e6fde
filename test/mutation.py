"""How many small changes of the safety core its tests notice.

    python test/mutation.py state_machine watchdog envelope kernels [--sample 100]

Every comparison, operator, constant and condition of a module is changed by itself, and the tests
of that module alone are run on it, each in a fork of this process. What compiles runs interpreted,
so that it is the changed source that is tested. Prints the share of changes that some test notices,
and every change that none does.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "safety_monitor"
TESTS = {
    "state_machine": ("test_state_machine",),
    "watchdog": ("test_watchdog",),
    "reckoning": ("test_reckoning",),
    "envelope": ("test_envelope", "test_kernels"),
    "kernels": ("test_kernels",),
}
LIMIT_S = 60
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.RShift: ast.LShift,
}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Every change of one node that is tried."""
    changed = copy.deepcopy(node)
    if isinstance(changed, ast.Compare) and type(changed.ops[0]) in COMPARED:
        changed.ops[0] = COMPARED[type(changed.ops[0])]()
        yield changed
    elif isinstance(changed, (ast.BinOp, ast.AugAssign)) and type(changed.op) in COMPUTED:
        changed.op = COMPUTED[type(changed.op)]()
        yield changed
    elif isinstance(changed, ast.BoolOp):
        changed.op = ast.Or() if isinstance(changed.op, ast.And) else ast.And()
        yield changed
    elif isinstance(changed, ast.UnaryOp) and isinstance(changed.op, (ast.Not, ast.USub)):
        yield changed.operand
    elif isinstance(changed, ast.Constant) and isinstance(changed.value, bool):
        yield ast.Constant(not changed.value)
    elif isinstance(changed, ast.Constant) and isinstance(changed.value, (int, float)):
        yield ast.Constant(changed.value + 1)
    elif isinstance(changed, (ast.If, ast.IfExp)):
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, what was changed into what, and the changed source."""
    tree = ast.parse(source)
    for parent in list(ast.walk(tree)):
        if isinstance(parent, ast.FunctionDef):
            parent.decorator_list = []
            parent.returns = None
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for place, node in enumerate(value) if isinstance(value, list) else ((None, value),):
                if not isinstance(node, ast.AST):
                    continue
                for changed in changes(node):
                    put(parent, field, place, changed)
                    text = ast.unparse(ast.fix_missing_locations(tree))
                    put(parent, field, place, node)
                    line = getattr(node, "lineno", 0)
                    yield line, f"{head(node)}  ->  {head(changed)}", text


def put(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> None:
    """Set a child of a node."""
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def head(node: ast.AST) -> str:
    """The first line of a node's source."""
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]


def is_noticed(module: str, source: str) -> bool:
    """Whether a test of the module fails on a changed source, or does not end."""
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_S)
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        os._exit(judge(module, source))
    _, status = os.waitpid(child, 0)
    return status != 0


def judge(module: str, source: str) -> int:
    """Exit code of a module's tests on a source of it."""
    import pytest

    name = f"safety_monitor.{module}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    changed = importlib.util.module_from_spec(spec)
    changed.__file__ = str(PACKAGE / f"{module}.py")
    sys.modules[name] = changed
    try:
        exec(compile(source, changed.__file__, "exec"), changed.__dict__)
    except Exception:
        return 1
    files = [str(ROOT / "test" / "safety_monitor" / f"{test}.py") for test in TESTS[module]]
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files]))


def main() -> None:
    """Try the changes of the modules named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="+", choices=TESTS)
    parser.add_argument("--sample", type=int, default=0, help="changes per module; 0 for all")
    options = parser.parse_args()
    os.environ.update(NUMBA_DISABLE_JIT="1", EXAMPLES="few")
    # What every fork needs is imported once.
    for needed in ("numba", "hypothesis", "pytest"):
        importlib.import_module(needed)
    for module in options.modules:
        found = list(mutants((PACKAGE / f"{module}.py").read_text()))
        if options.sample and options.sample < len(found):
            found = random.Random(0).sample(found, options.sample)
        if is_noticed(module, (PACKAGE / f"{module}.py").read_text()):
            raise SystemExit(f"{module}: its tests fail, or last too long, without any change")
        noticed = 0
        for tried, (line, what, text) in enumerate(found, 1):
            if is_noticed(module, text):
                noticed += 1
            else:
                sys.stdout.write(f"  {module}:{line}: {what}\n")
            sys.stderr.write(f"\r{module}: {noticed} of {tried}")
            sys.stdout.flush()
        sys.stdout.write(f"{module}: {noticed} of {len(found)} noticed\n")


if __name__ == "__main__":
    main()
