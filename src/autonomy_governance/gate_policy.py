"""The gate's policy: Rego modules, the site's data and the cases that they must answer right.

Everything that touches the Rego engine is here. The engine compiles the files once; a decision
then takes milliseconds. A `Policy` exists only if its own cases hold (docs/gate.md).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# The engine's library brings parts of libstdc++ along; loaded before the system's, they break
# whatever C++ is loaded later, rclpy among it.
ctypes.CDLL("libstdc++.so.6")
from regopy import Interpreter  # noqa: E402
from regopy.rego_shared import LogLevel  # noqa: E402

Outcome = Literal["allow", "deny", "escalate"]
_DECISION, _APPROVAL, _DEFECTS = "gate/decision", "gate/may_approve", "gate/defects"
_REFUSED = {
    re.compile(r"\b(?:http\.send|opa\.runtime|time\.now_ns|rand\.\w+|uuid\.\w+)"): (
        "makes a decision unrepeatable: decide from input and data alone"
    ),
    # max([10, 9]) is 9 in every release of regopy up to 1.5.2.
    re.compile(
        r"\b(?:min|max|sort)\("
    ): "orders numbers as text in this engine: compare with < and >",
}
_CASE_INPUT = {"who": "mission", "safety_state": "nominal", "audited": True, "parameters": {}}


class PolicyError(ValueError):
    """A policy that must not be used; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class PolicySources:
    """The files of a policy: `*.rego`, `site.json`, `tests/cases.json`."""

    files: tuple[tuple[str, bytes], ...]

    @property
    def sha256(self) -> str:
        """Digest of every name and content."""
        parts = (f"{name}\0{len(data)}\0".encode() + data for name, data in self.files)
        return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy answers, before rate limits, loops and people."""

    outcome: Outcome
    tier: str
    reason: str
    timeout_s: float


def read_sources(directory: Path) -> PolicySources:
    """Read the files of a policy directory; a file that cannot be read counts as absent."""
    paths = [*directory.glob("*.rego"), directory / "site.json", directory / "tests/cases.json"]
    present = sorted(path for path in paths if path.is_file())
    return PolicySources(tuple((str(p.relative_to(directory)), p.read_bytes()) for p in present))


class Policy:
    """A policy that compiled, whose site is sound and whose cases hold.

    Raises:
        PolicyError: any of that is not so.
    """

    def __init__(self, sources: PolicySources) -> None:
        texts = {name: _text(name, data) for name, data in sources.files}
        self.sha256 = sources.sha256
        self.site: Mapping[str, Any] = _json(texts, "site.json").get("site", {})
        self.version = f"{self.site.get('version', 'unversioned')}+{self.sha256[:12]}"
        self._engine = _quiet_engine()
        self._bundle = self._compile(texts)
        defects = self._query(_DEFECTS, {})
        if not isinstance(defects, list) or defects:
            raise PolicyError(
                f"site.json: {'; '.join(map(str, defects or ['could not be checked']))}"
            )
        self.cases: tuple[Mapping[str, Any], ...] = tuple(
            _json(texts, "tests/cases.json").get("cases", ())
        )
        failures = [failure for case in self.cases if (failure := self.check(case))]
        if not self.cases or failures:
            raise PolicyError(f"tests/cases.json: {'; '.join(failures) or 'holds no case'}")
        if self.decide({**_CASE_INPUT, "action": ""}).outcome != "deny":
            raise PolicyError("gate.rego: what no rule knows must be denied")

    def decide(self, request: Mapping[str, object]) -> Verdict:
        """Answer {"action", "who", "safety_state", "audited", "parameters"}.

        Raises:
            PolicyError: the policy failed on this input, or its answer has another form.
        """
        answer = self._query(_DECISION, request)
        try:
            verdict = Verdict(
                answer["outcome"], answer["tier"], answer["reason"], float(answer["timeout_s"])
            )
        except (TypeError, KeyError, ValueError) as error:
            raise PolicyError(f"the policy's answer has no usable form: {answer}") from error
        if verdict.outcome not in ("allow", "deny", "escalate"):
            raise PolicyError(f"the policy's answer is none of the three: {answer}")
        return verdict

    def verdict(self, tier: str, reason: str) -> Verdict:
        """What the site answers to a risk of this tier."""
        rule = self.site["tiers"][tier]
        return Verdict(rule["answer"], tier, reason, float(rule.get("timeout_s", 0.0)))

    def may_approve(self, who: str, tier: str, requester: str) -> bool:
        """Whether a person may answer for a tier. Only a plain `true` is a yes."""
        return self._query(_APPROVAL, {"who": who, "tier": tier, "requester": requester}) is True

    def check(self, case: Mapping[str, Any]) -> str:
        """What is wrong with the answer to one case, or an empty text."""
        try:
            if "approver" in case:
                actual: object = self.may_approve(**case["approver"])
                expected: object = case["may_approve"]
            else:
                verdict = self.decide({**_CASE_INPUT, **case["input"]})
                actual = (verdict.outcome, verdict.tier)
                expected = (case["outcome"], case["tier"])
        except (PolicyError, KeyError, TypeError) as error:
            actual, expected = f"{type(error).__name__} {error}", "an answer"
        name = case.get("name", case)
        return "" if actual == expected else f"case '{name}': {actual}, expected {expected}"

    def _compile(self, texts: Mapping[str, str]) -> Any:
        compiler = _quiet_engine()
        try:
            compiler.add_data_json(texts["site.json"])
            for name, text in texts.items():
                if name.endswith(".rego"):
                    for pattern, remedy in _REFUSED.items():
                        if found := pattern.search(text):
                            raise PolicyError(f"{name}: {found[0]} {remedy}")
                    compiler.add_module(name, text)
            bundle = compiler.build(None, [_DECISION, _APPROVAL, _DEFECTS])
        except Exception as error:
            raise error if isinstance(error, PolicyError) else _explained(error, texts) from None
        return bundle

    def _query(self, entrypoint: str, document: Mapping[str, object]) -> Any:
        """Value of an entrypoint; input as JSON, which unlike the engine's own is exact."""
        try:
            self._engine.set_input_term(json.dumps(document, allow_nan=False))
            output = self._engine.query_bundle_entrypoint(self._bundle, entrypoint)
            return output[0][0] if output.ok() and output[0].expressions else None
        except Exception as error:
            raise _explained(error, {}) from error


def _quiet_engine() -> Any:
    """An engine that prints nothing and lets no failed built-in pass as 'undefined'."""
    engine = Interpreter()
    engine.log_level = LogLevel.NONE
    engine.strict_built_in_errors = True
    return engine


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: not UTF-8 text") from error


def _json(texts: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        content = json.loads(texts[name])
    except KeyError:
        raise PolicyError(f"{name} is missing") from None
    except ValueError as error:
        raise PolicyError(f"{name}: {error}") from error
    return content if isinstance(content, dict) else {}


def _explained(error: Exception, texts: Mapping[str, str]) -> PolicyError:
    """The message in the engine's error tree, with file and line where it has a place."""
    tree = str(getattr(error, "doc", error))
    message = re.search(r"\(errormsg \d+:([^)]*)\)", tree)
    place = re.search(r"\(error \d+:([^|\s]+)\|(\d+)\|", tree)
    text = message[1] if message else f"{type(error).__name__}: {error}"
    if place is None or place[1] not in texts:
        return PolicyError(text)
    line = texts[place[1]].encode()[: int(place[2])].count(b"\n") + 1
    return PolicyError(f"{place[1]}:{line}: {text}")
