"""Training worlds as SDF, for the simulator: cylinders stand, those that move are actors."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from policy_training.worlds import TrainingWorld
from scenario_eval.scenarios.shapes import world_sdf
from world_sim.world import World, load_world

HEIGHT = 1.0


def simulated(world: TrainingWorld) -> World:
    """The world as the simulator plays it, in the same frame."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"{world.family}_{world.seed}.sdf"
        file.write_text(to_sdf(world))
        return load_world(file)


def to_sdf(world: TrainingWorld) -> str:
    """SDF 1.9 of a ground plane, one static model per cylinder, one actor per mover."""
    models = [
        _CYLINDER.format(index=index, x=x, y=y, z=HEIGHT / 2, radius=radius, height=HEIGHT)
        for index, (x, y, radius) in enumerate(world.circles)
    ]
    actors = [_actor(index, mover) for index, mover in enumerate(world.movers)]
    return world_sdf("".join(models + actors), friction=1.0, roll=0.0, pitch=0.0)


def _actor(index: int, mover: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """To and fro: the script's three waypoints are the start, the end, and the start again."""
    x0, y0, x1, y1, radius, speed = (float(value) for value in mover)
    lap = math.hypot(x1 - x0, y1 - y0) / speed
    waypoints = "".join(
        f"<waypoint><time>{time:.6f}</time><pose>{x:.6f} {y:.6f} {HEIGHT / 2} 0 0 0</pose>"
        "</waypoint>"
        for time, x, y in ((0.0, x0, y0), (lap, x1, y1), (2.0 * lap, x0, y0))
    )
    return _ACTOR.format(index=index, waypoints=waypoints, radius=radius, height=HEIGHT)


_SHAPE = """<geometry><cylinder><radius>{radius:.6f}</radius><length>{height}</length></cylinder>
        </geometry>"""

_CYLINDER = (
    """    <model name="post_{index}">
      <static>1</static>
      <pose>{x:.6f} {y:.6f} {z} 0 0 0</pose>
      <link name="link">
        <collision name="collision">"""
    + _SHAPE
    + """</collision>
        <visual name="visual">"""
    + _SHAPE
    + """</visual>
      </link>
    </model>
"""
)

_ACTOR = (
    """    <actor name="walker_{index}">
      <link name="body">
        <collision name="collision">"""
    + _SHAPE
    + """</collision>
        <visual name="visual">"""
    + _SHAPE
    + """</visual>
      </link>
      <script>
        <loop>true</loop>
        <trajectory id="0" type="walk">{waypoints}</trajectory>
      </script>
    </actor>
"""
)
