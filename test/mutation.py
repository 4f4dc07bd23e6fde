"""How many small changes of the safety core its tests notice.

    python test/mutation.py state_machine watchdog envelope kernels [--sample 100] [--json]

Every comparison, operator, constant, condition, minimum and maximum of a module is changed by
itself, every call and assignment that stands for itself is left out, and the tests of that module
that reach the changed function run on it until one fails, the fastest first. Each change lives in
a fork of this process alone: no file is written. `kernels` runs interpreted, so that it is the
changed source that is tested; for the others it is compiled.

Prints the share of changes that some test notices and every change that none does, with the reason
where test/equivalent_mutants.json knows why none can. Exit 1 where one survives unexplained.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mutants import Mutant, mutants
from mutation_session import NO_TEST, Session, forked

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "safety_monitor"
TESTS_AT = ROOT / "test" / "safety_monitor"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
TESTS = {
    "state_machine": ("test_state_machine", "test_calm"),
    "watchdog": ("test_watchdog", "test_watchdog_reports"),
    "reckoning": ("test_reckoning", "test_commanded"),
    "whereabouts": ("test_commanded", "test_recovery", "test_monitor"),
    "surroundings": ("test_memory", "test_monitor", "test_recovery"),
    "plausibility": ("test_plausibility",),
    "scanner": ("test_watchdog", "test_two_scanners", "test_memory", "test_monitor"),
    "envelope": ("test_envelope", "test_on_its_way", "test_sweeps", "test_margins", "test_kernels"),
    "kernels": (
        "test_kernels",
        "test_margins",
        "test_sweeps",
        "test_envelope",
        "test_on_its_way",
        "test_reckoning",
        "test_commanded",
    ),
    "beams": ("test_scanner_geometry", "test_kernels"),
}
INTERPRETED = ("kernels", "beams")
LONGEST_S = 600.0


@dataclass
class Found:
    """What came of the changes of a module. survivors: with the reason where there is one."""

    module: str
    possible: int
    tried: int = 0
    noticed: int = 0
    survivors: dict[str, str] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """For JSON; the share of what could be noticed leaves out what is explained."""
        explained = sum(bool(why) for why in self.survivors.values())
        return {
            **asdict(self),
            "share": round(self.noticed / max(1, self.tried), 4),
            "share_of_noticeable": round(self.noticed / max(1, self.tried - explained), 4),
            "unexplained": [change for change, why in self.survivors.items() if not why],
        }


class Trial:
    """The changes of one module that are tried, and what becomes of them."""

    def __init__(self, module: str, sample: int, seed: int, lines: range) -> None:
        self.module = module
        self.file = str(PACKAGE / f"{module}.py")
        source = Path(self.file).read_text()
        self._tree, self._lines = ast.parse(source), source.splitlines()
        every = [n for n, mutant in enumerate(mutants(self._tree)) if mutant.line in lines]
        possible = len(every)
        self._chosen = set(
            random.Random(seed).sample(every, sample) if 0 < sample < possible else every
        )
        self._explained = _explanations(module)
        self.found = Found(module, possible)

    def run(self) -> Found:
        """Try them: those within functions in one session of the tests, the rest one by one."""
        with tempfile.TemporaryDirectory() as directory:
            results = Path(directory) / "results.json"

            def within_functions() -> int:
                session = Session(self.file, self._take(within=True), self._report)
                code = run_tests(self.module, self._tree, session)
                results.write_text(json.dumps([asdict(self.found), session.seconds]))
                return code

            if forked(None, within_functions):
                sys.stderr.write(f"{self.module}: its tests fail without any change\n")
                raise SystemExit(2)
            found, seconds = json.loads(results.read_text())
        self.found = Found(**found)
        for mutant, tree in self._take(within=False):
            # All tests, with everything imported anew.
            self._report(mutant, forked(10 + 5 * seconds, lambda t=tree: run_tests(self.module, t)))
        sys.stderr.write("\n")
        return self.found

    def _take(self, within: bool) -> Any:
        for number, mutant in enumerate(mutants(self._tree)):
            if number in self._chosen and (mutant.function is not None) is within:
                yield mutant, self._tree

    def _report(self, mutant: Mutant, code: int) -> None:
        """Count a change; code: 0 or `NO_TEST` where no test failed on it."""
        self.found.tried += 1
        if code not in (0, NO_TEST):
            self.found.noticed += 1
        else:
            place = mutant.name, self._lines[mutant.line - 1].strip()
            why = self._explained.get((*place, mutant.before, mutant.after, mutant.nth), "")
            self.found.survivors[str(mutant)] = why
            sys.stderr.write(f"\r  {self.module}:{mutant}{'  (' + why + ')' if why else ''}\n")
        done = f"{self.found.noticed} of {self.found.tried}"
        sys.stderr.write(f"\r{self.module}: {done} ({len(self._chosen)})")
        sys.stderr.flush()


def run_tests(module: str, tree: ast.Module, session: object = None) -> int:
    """Exit code of a module's tests on a tree of it, everything else imported anew."""
    import pytest

    name = f"safety_monitor.{module}"
    for known in [known for known in sys.modules if known.startswith("safety_monitor.")]:
        if known.rpartition(".")[2] not in ("kernels", "beams", "config"):
            del sys.modules[known]
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    changed = importlib.util.module_from_spec(spec)
    changed.__file__ = str(PACKAGE / f"{module}.py")
    sys.modules[name] = changed
    try:
        exec(compile(tree, changed.__file__, "exec"), changed.__dict__)
    except Exception:
        return 1
    options = ["-x", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(ROOT)]
    options += ["--confcutdir", str(TESTS_AT), "--import-mode=importlib"]
    files = [str(TESTS_AT / f"{test}.py") for test in TESTS[module]]
    return int(pytest.main([*options, *files], plugins=[session] if session else []))


def _explanations(module: str) -> dict[tuple[str, str, str, str, int], str]:
    """Why changes cannot be noticed, by function, line, what was there, what came, and which."""
    if not EQUIVALENT.exists():
        return {}
    groups = json.loads(EQUIVALENT.read_text()).get(module, [])
    return {
        (group["in"], group["line"], before, after, nth): group["why"]
        for group in groups
        for before, after, nth in group["changes"]
    }


def prepare(module: str) -> None:
    """Import once what every fork needs, the compiled part compiled."""
    os.environ.update(
        EXAMPLES="few",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONDONTWRITEBYTECODE="1",
        NUMBA_DISABLE_JIT=str(int(module in INTERPRETED)),
    )
    sys.path.insert(0, str(ROOT / "src"))
    for needed in ("numba", "numpy", "hypothesis.strategies", "pytest"):
        importlib.import_module(needed)
    if module not in INTERPRETED:
        from safety_monitor.config import MonitorConfig
        from safety_monitor.rehearsal import rehearse

        rehearse(MonitorConfig())


def try_modules(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The figures of modules, each tried in a process of its own if there are several."""
    if len(options.modules) == 1:
        (module,) = options.modules
        prepare(module)
        first, _, last = options.lines.partition("-")
        lines = range(int(first), int(last) + 1)
        return [Trial(module, options.sample, options.seed, lines).run().figures()]
    command = [sys.executable, __file__, "--json", "--sample", str(options.sample)]
    command += ["--seed", str(options.seed), "--lines", options.lines]
    found: list[dict[str, Any]] = []
    for module in options.modules:
        result = subprocess.run([*command, module], stdout=subprocess.PIPE, check=False)
        if result.returncode not in (0, 1):
            raise SystemExit(result.returncode)
        found += json.loads(result.stdout)["modules"]
    return found


def main() -> None:
    """Try the changes of the modules named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="+", choices=TESTS)
    parser.add_argument("--sample", type=int, default=0, help="changes per module; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--lines", default="1-9999", help="only changes of these lines: 1-99")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    found = try_modules(options)
    if options.json:
        sys.stdout.write(json.dumps({"modules": found}) + "\n")
    else:
        for one in found:
            rest = len(one["survivors"]) - len(one["unexplained"])
            sys.stdout.write(
                f"{one['module']}: {one['noticed']} of {one['tried']} changes noticed "
                f"({one['share']:.1%}), {rest} cannot be, {len(one['unexplained'])} survive\n"
            )
    raise SystemExit(any(one["unexplained"] for one in found))


if __name__ == "__main__":
    main()
