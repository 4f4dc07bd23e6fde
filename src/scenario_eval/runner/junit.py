"""A campaign as JUnit XML, which CI servers show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from scenario_eval.results import RunResult, Verdict


def write_junit(
    file: Path, results: Sequence[RunResult], wall_s: Mapping[str, float] | None = None
) -> None:
    """Write one test case per run; a known defect counts as skipped, with its name.

    Args:
        file: where to.
        results: the runs.
        wall_s: seconds that each run took, by its name.
    """
    times = wall_s or {}
    root = ET.Element("testsuites", name="edge-autonomy eval")
    for category in dict.fromkeys(r.category for r in results):
        members = [r for r in results if r.category == category]
        suite = ET.SubElement(root, "testsuite", name=category, tests=str(len(members)))
        suite.set("failures", str(sum(_is_failure(r) for r in members)))
        suite.set("errors", str(sum(r.verdict is Verdict.ERROR for r in members)))
        suite.set("skipped", str(sum(_is_known(r) for r in members)))
        suite.set("time", f"{sum(times.get(r.run, 0.0) for r in members):.3f}")
        for result in members:
            _add_case(suite, result, times.get(result.run, 0.0))
    ET.indent(root)
    ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _add_case(suite: ET.Element, result: RunResult, wall_s: float) -> None:
    case = ET.SubElement(suite, "testcase", classname=result.scenario, name=result.run)
    case.set("file", result.file)
    case.set("time", f"{wall_s:.3f}")
    if result.error is not None:
        element = ET.SubElement(case, "error", type=result.error.kind.value)
        element.set("message", _printable(result.error.message))
        element.text = result.reproduce
    elif result.verdict is Verdict.FAILED:
        element = ET.SubElement(case, "skipped" if _is_known(result) else "failure")
        reasons = "; ".join(f"{e.kind} {e.text}: {e.why}" for e in result.unmet)
        known = f"known defect '{result.known_defect}': " if _is_known(result) else ""
        element.set("message", _printable(known + reasons))
        if not _is_known(result):
            element.set("type", result.failure.value if result.failure else "")
        element.text = result.reproduce


def _is_known(result: RunResult) -> bool:
    return result.verdict is Verdict.FAILED and bool(result.known_defect)


def _is_failure(result: RunResult) -> bool:
    return result.verdict is Verdict.FAILED and not result.known_defect


def _printable(text: str) -> str:
    return re.sub(r"[^\t\n\r -\uFFFD]", "?", text)
