"""Errors of the policy contract."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy that may not drive: names the field, what was found and what was expected.

    Attributes:
        where: file or policy that the error is about.
        field: path into the manifest, or the part of the ONNX graph, such as `inputs[0].shape`.
        found: what is there.
        expected: what would have been right.
    """

    def __init__(self, where: object, field: str, found: object, expected: object):
        super().__init__(f"policy {where}: {field}: found {found}, expected {expected}")
        self.where = str(where)
        self.field = field
        self.found = str(found)
        self.expected = str(expected)


class InferenceError(RuntimeError):
    """An inference without a usable answer; `reason` is a word, the message has the details."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
