"""Errors of the policy contract, whose texts go into logs and every status: all are bounded."""

from __future__ import annotations

MAX_TEXT = 400
"""Characters of each part of a message; it may quote a file of megabytes."""
_KEPT = 180
"""Characters at either end of what is longer."""


class PolicyError(ValueError):
    """A policy that may not drive: names the field, what was found and what was expected.

    Attributes:
        where: file or policy that the error is about.
        field: path into the manifest, or the part of the ONNX graph, such as `inputs[0].shape`.
        found: what is there.
        expected: what would have been right.
    """

    def __init__(self, where: object, field: str, found: object, expected: object):
        self.where = in_bounds(where)
        self.field = in_bounds(field)
        self.found = in_bounds(found)
        self.expected = in_bounds(expected)
        super().__init__(
            f"policy {self.where}: {self.field}: found {self.found}, expected {self.expected}"
        )


class InferenceError(RuntimeError):
    """An inference without a usable answer; `reason` is a word, the message has the details."""

    def __init__(self, reason: str, message: str):
        super().__init__(in_bounds(message))
        self.reason = reason


def in_bounds(value: object) -> str:
    """A text on one line of at most MAX_TEXT characters that can be printed.

    Of a longer one the middle is left out, and it says so.
    """
    text = str(value)
    if len(text) > MAX_TEXT:
        left_out = len(text) - 2 * _KEPT
        text = f"{text[:_KEPT]} …{left_out} characters… {text[-_KEPT:]}"
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in text
    )
