"""Plays a world at its own pace for the page, and lets the page drive its robots."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    LaserScan,
    Pose2D,
    VelocityCommand,
)
from world_sim.drive import read_drive
from world_sim.faults import Fault
from world_sim.pacing import Pacer
from world_sim.robot import LidarClock
from world_sim.simulator import RobotSpawn, Simulator, spawn_model
from world_sim.watch.scene import Frame, RobotView, ScanView, Scene, scan_view, scene_of
from world_sim.watch.server import LiveServer
from world_sim.world import World

TICK_NS = 40 * MILLISECOND
"""A lidar of 50 or 25 Hz has then just scanned, so that its beams end where the walls are."""
HELD_S = 0.3
"""The page repeats a command while it is held; one older than this is over."""


class Play:
    """A world that runs, driven from outside.

    Args:
        world: to play; where it has no robot, `robot` is put at `pose`.
        faults: what goes wrong.
        seed: of every random number.
        robot: model to add where the world has none.
        pose: of that robot in the world.

    Raises:
        WorldError: the world or the robot cannot be played.
    """

    def __init__(
        self,
        world: World,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        robot: str = "model://rover",
        pose: Pose2D | None = None,
    ) -> None:
        models = {model.name: model for model in world.models if read_drive(model)}
        spawns: tuple[RobotSpawn, ...] = ()
        if not models or pose is not None:
            spawns = (RobotSpawn(robot, "robot", pose or Pose2D(0.0, 0.0)),)
            models["robot"] = spawn_model(spawns[0], world)
        self.simulator = Simulator(world, spawns, seed, faults)
        self.scene: Scene = scene_of(world, models, drivable=True)
        self._faults = tuple(faults)
        self._lock = threading.Lock()
        self._wishes: dict[str, tuple[float, float, float]] = {}
        self._scans: dict[str, ScanView] = {}

    def drive(self, robot: str, vx: float, wz: float) -> None:
        """Ask `robot` for a velocity, m/s and rad/s, for a short while; from any thread."""
        if robot in self.simulator.robots and math.isfinite(vx) and math.isfinite(wz):
            with self._lock:
                self._wishes[robot] = (vx, wz, self.simulator.now_ns + HELD_S * SECOND)

    def step(self) -> Frame:
        """Play one tick; what it looks like then."""
        simulator = self.simulator
        with self._lock:
            wishes = dict(self._wishes)
        for name, (vx, wz, until_ns) in wishes.items():
            held = simulator.now_ns < until_ns
            command = VelocityCommand(simulator.now_ns, vx if held else 0.0, wz if held else 0.0)
            simulator.command(command, name)
        for measurement in simulator.advance(TICK_NS):
            if isinstance(measurement.message, LaserScan):
                self._scans[measurement.robot] = self._view(measurement.robot, measurement.message)
        return Frame(simulator.now_ns / SECOND, tuple(self._robots()), self._facts())

    def _robots(self) -> list[RobotView]:
        views = []
        for name in self.simulator.robots:
            truth = self.simulator.ground_truth(name)
            scan = self._scans.get(name)
            views.append(
                RobotView(
                    name, truth.x, truth.y, truth.yaw, truth.vx, truth.wz, truth.contact, scan
                )
            )
        return views

    def _view(self, robot: str, scan: LaserScan) -> ScanView:
        lidars = (c for c in self.simulator.robots[robot].clocked if isinstance(c, LidarClock))
        return scan_view(scan, Pose2D(*next(lidars).pose()))

    def _facts(self) -> dict[str, str]:
        now_ns = self.simulator.now_ns
        active = [f"{f.kind} ({f.target})" for f in self._faults if f.active(now_ns)]
        facts = {"contacts so far": str(len(self.simulator.contacts_since_start))}
        if self._faults:
            facts["faults now"] = ", ".join(active) or "none"
        return facts


def play(play: Play, server: LiveServer, real_time_factor: float, ended: threading.Event) -> None:
    """Run until `ended`, publishing every tick."""
    pacer = Pacer(real_time_factor, time.monotonic_ns())
    while not ended.is_set():
        wait_s = pacer.wait_s(play.simulator.now_ns + TICK_NS, time.monotonic_ns())
        if wait_s > 0.0 and ended.wait(wait_s):
            return
        server.publish(play.step())
