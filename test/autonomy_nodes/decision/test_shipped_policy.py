"""The policy that ships is signed by the key that ships, and drives up to its goal."""

from __future__ import annotations

import numpy as np

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.pointer import find_policy, manifest_of
from autonomy_nodes.decision.signature import Trust, check_signature
from autonomy_nodes.planning.planner import Planner, PlannerConfig
from autonomy_nodes.registry import Registry

SHARE = share_directory()


def test_every_channel_points_at_a_policy_that_a_trusted_key_has_signed():
    registry = Registry(SHARE / "models")
    channels = registry.pointers().channels
    assert "default" in channels
    for channel in channels:
        directory = find_policy(channel, registry.models)
        signer = check_signature(manifest_of(directory), Trust(SHARE / "config" / "trusted_keys"))
        assert signer == "edge_autonomy"
        assert load_policy(directory, rate_hz=20.0).manifest.licence


def test_speed_is_kept_until_shortly_before_the_goal():
    policy = load_policy(SHARE / "models" / "default")
    ranges = np.full(720, 8.0, np.float32)
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    costmap = Costmap(0, 0.05, -8.0, -8.0, np.zeros((320, 320), np.int8))
    for distance in (5.0, 2.0, 1.0, 0.7):
        decision = Decision(DecisionConfig(), policy, Planner(PlannerConfig()))
        inputs = DecisionInputs(
            scan, Odometry(0, 0.0, 0.0, 0.0, vx=1.2), costmap, Pose2D(distance, 0.0)
        )
        output = decision.step(inputs, 0)
        assert (output.driver, output.command.vx > 0.6) == ("policy", True), distance
