"""What a camera costs: processor time per simulated second, with it and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from autonomy_interfaces.messages import SECOND, VelocityCommand
from world_sim.errors import WorldError
from world_sim.simulator import RobotSpawn, Simulator, SimulatorConfig
from world_sim.world import World

ROBOT = RobotSpawn("model://rover_camera")
TICK_NS = SECOND // 50


def bench_camera(
    world: World, seconds: float, quality: str, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measure a 320 × 240 colour and depth camera at 10 Hz on a robot that turns on the spot.

    Args:
        world: that it looks at; its own robots are left out.
        seconds: simulated, of each of the two runs.
        quality: `fast` or `fine`.
        progress: told what is being done.

    Raises:
        WorldError: nothing can be rendered here.
    """
    robots = set(Simulator(world).robots)
    scenery = replace(world, models=tuple(m for m in world.models if m.name not in robots))
    pose = next((m.pose for m in world.models if m.name in robots), None)
    spawn = ROBOT
    if pose is not None:
        x, y, _ = pose.position
        spawn = replace(ROBOT, pose=replace(ROBOT.pose, x=x, y=y, yaw=pose.orientation.yaw))
    costs = {}
    for camera in ("off", quality):
        progress(f"{seconds:g} simulated seconds, camera {camera}")
        simulator = Simulator(scenery, [spawn], config=SimulatorConfig(camera_quality=camera))
        if camera != "off" and simulator.cameras.problem:
            raise WorldError("camera", simulator.cameras.problem)
        costs[camera] = _cost(simulator, seconds)
    frames = costs[quality][1]
    cost = costs[quality][0] - costs["off"][0]
    return {
        "camera_s_per_simulated_s": cost,
        "frame_ms": 1e3 * cost * seconds / max(frames, 1),
        "frames": frames,
        "simulation_s_per_simulated_s": costs["off"][0],
        "quality": quality,
        "width": 320,
        "height": 240,
        "rate": 10,
    }


def _cost(simulator: Simulator, seconds: float) -> tuple[float, int]:
    """Processor seconds of all threads per simulated second, and colour images."""
    simulator.advance(SECOND // 5)
    frames, before = 0, time.process_time()
    for _ in range(round(seconds * SECOND / TICK_NS)):
        simulator.command(VelocityCommand(simulator.now_ns, 0.0, 0.6))
        frames += sum(m.topic == "camera" for m in simulator.advance(TICK_NS))
    return (time.process_time() - before) / seconds, frames
