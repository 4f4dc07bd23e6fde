"""The configurations of the node are parameters of one node: what shares a name shares a value."""

from __future__ import annotations

from dataclasses import fields

from autonomy_nodes.decision.node import CONFIGS


def test_a_parameter_that_two_configurations_share_has_one_default():
    defaults: dict[str, set[object]] = {}
    for kind in CONFIGS:
        for field in fields(kind):
            defaults.setdefault(field.name, set()).add(field.default)
    assert {name: found for name, found in defaults.items() if len(found) > 1} == {}
