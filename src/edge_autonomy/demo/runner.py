"""Runs the demo: starts the stack, gives the goal, watches, and writes what it leaves."""

from __future__ import annotations

import json
import os
import platform
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.parameters import load_config
from autonomy_interfaces.share import share_directory
from autonomy_interfaces.writing import writing
from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.demo.feed import Feed, RobotShape
from edge_autonomy.demo.floor_plan import Outline
from edge_autonomy.demo.injection import NODE, KillWatch
from edge_autonomy.demo.metrics import Circumstances, Metrics, compute_metrics
from edge_autonomy.demo.observer import Observer
from edge_autonomy.demo.picture import save_trajectory
from edge_autonomy.demo.places import Places
from edge_autonomy.demo.recorder import Recorder
from edge_autonomy.demo.report import ReportContext, render_report
from edge_autonomy.demo.run_log import Tick
from edge_autonomy.demo.stack import DemoError, Startup, check_alive, last_words
from edge_autonomy.demo.transforms import Transform
from edge_autonomy.demo.view import View
from edge_autonomy.launch import RunningLaunch, start

STARTUP_TIMEOUT_S = 180.0
SLOW_START_S = 8.0
GOAL_TIMEOUT_S = 15.0
GOAL_RETRY_S = 1.0
AFTERMATH_S = 1.0
"""Recorded after the outcome, to see the robot come to rest."""

LIDAR_HEIGHT_M = 0.3


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to run and where to leave the results; `command` is what the user typed."""

    places: Places
    out: Path
    kill_decision: bool
    seed: int
    timeout_s: float
    command: str


class DemoRun:
    """One run of the stack from start to report.

    Args:
        options: what to run.
        robot: of config/robot.yaml.
        outlines: floor plan of the world, for the report.
        view: is told what happens.
    """

    def __init__(
        self, options: DemoOptions, robot: RobotShape, outlines: list[Outline], view: View
    ) -> None:
        self._options = options
        self._robot = robot
        self._outlines = outlines
        self._view = view
        self._began = time.monotonic()
        self._feed = Feed(options.places.start, robot)
        self._log = self._feed.log
        self._startup = Startup()
        self._kill = KillWatch()
        self._drive_began = 0.0
        self._drive_wall_s = 0.0

    def run(self) -> Metrics:
        """Run, and write everything into `options.out`.

        Raises:
            DemoError: the stack did not start or broke down.
            OSError: the results cannot be written.
        """
        out = self._options.out
        domain = RosDomain()
        os.environ["ROS_DOMAIN_ID"] = str(domain.id)
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        try:
            with (
                Recorder(out / "run.mcap") as recorder,
                start(
                    share_directory() / "launch" / "sim.launch.yaml",
                    {"world": str(self._options.places.file), "seed": str(self._options.seed)},
                    log_file=out / "launch.log",
                ) as launch,
            ):
                self._view.note(f"ROS_DOMAIN_ID={domain.id} to look in from RViz or Foxglove")
                self._drive(launch, recorder)
                pids, respawns = launch.pids, len(launch.exits)
        finally:
            domain.release()
        metrics = self._metrics(pids, respawns, recorder)
        self._write(metrics)
        return metrics

    def _drive(self, launch: RunningLaunch, recorder: Recorder) -> None:
        x, y, yaw = self._robot.lidar_pose
        lidar = Transform("base_link", "lidar_link", Pose2D(x, y, yaw), LIDAR_HEIGHT_M)
        observer = Observer(recorder, self._feed, lidar)
        observer.command_listeners.append(self._kill.on_command)
        try:
            self._wait_until_ready(launch, observer)
            self._give_goal(launch, observer)
            self._drive_began = time.monotonic()
            observer.spin(
                self._is_over, self._options.timeout_s, lambda: self._watch(launch, observer)
            )
            self._drive_wall_s = time.monotonic() - self._drive_began
            observer.spin(lambda: False, AFTERMATH_S, self._show)
        finally:
            observer.close()

    def _wait_until_ready(self, launch: RunningLaunch, observer: Observer) -> None:
        noted = False

        def look() -> None:
            nonlocal noted
            if not noted and time.monotonic() - self._began > SLOW_START_S:
                noted = True
                self._view.note("still starting: on a first run, numerical kernels are compiled")
            check_alive(launch)
            self._startup.update(observer.heard, self._log)
            self._view.startup(self._startup.ready)

        ready: Callable[[], bool] = lambda: not self._startup.missing  # noqa: E731
        if not observer.spin(ready, STARTUP_TIMEOUT_S, look):
            said = "\n".join(
                f"{part.node} did not become ready; it said:\n{last_words(launch, part.node)}"
                for part in self._startup.missing
            )
            raise DemoError(f"the stack was not ready after {STARTUP_TIMEOUT_S:.0f} s\n{said}")

    def _give_goal(self, launch: RunningLaunch, observer: Observer) -> None:
        places = self._options.places
        goal = relative(places.start, places.goal)
        deadline = time.monotonic() + GOAL_TIMEOUT_S
        while self._log.start_ns is None:
            if time.monotonic() > deadline:
                said = last_words(launch, "mission")
                raise DemoError(f"the mission did not take the goal; it said:\n{said}")
            if observer.mission_listens:
                observer.send_goal(goal)
            observer.spin(
                lambda: self._log.start_ns is not None, GOAL_RETRY_S, lambda: check_alive(launch)
            )
        self._view.note(f"goal given: ({goal.x:.1f}, {goal.y:.1f}) m in odom")

    def _is_over(self) -> bool:
        return self._log.outcome is not None or bool(self._log.collisions())

    def _watch(self, launch: RunningLaunch, observer: Observer) -> None:
        if self._options.kill_decision and self._kill.due(self._log):
            now_ns = time.time_ns()
            pid = launch.signal(NODE, signal.SIGKILL)
            stamp_ns = self._log.motions[-1].stamp_ns
            self._kill.killed(pid, now_ns, stamp_ns)
            observer.ignored_before_ns["/decision/status"] = now_ns
            self._log.ticks.append(Tick(stamp_ns, "none", "decision process killed"))
            self._view.note(f"SIGKILL sent to {NODE} (process {pid})")
        if not launch.running:
            check_alive(launch)
        self._show()

    def _show(self) -> None:
        wall_s = self._drive_wall_s or time.monotonic() - self._drive_began
        self._view.driving(self._log, wall_s)

    def _metrics(self, pids: dict[str, int], respawns: int, recorder: Recorder) -> Metrics:
        return compute_metrics(
            self._log,
            Circumstances(
                world=self._options.places.name,
                seed=self._options.seed,
                goal=self._options.places.goal,
                pids=pids,
                respawns=respawns,
                startup_s=self._drive_began - self._began,
                wall_s=time.monotonic() - self._began,
                drive_wall_s=self._drive_wall_s,
                recorded_messages=recorder.messages,
                recording_error=recorder.error,
                injection=self._kill.result(self._log, pids.get(NODE)),
                injection_asked=self._options.kill_decision,
            ),
        )

    def _write(self, metrics: Metrics) -> None:
        options, places = self._options, self._options.places
        killed_ns = self._kill.killed_stamp_ns
        context = ReportContext(
            outlines=self._outlines,
            start=places.start,
            goal=places.goal,
            max_speed_mps=self._robot.max_linear_velocity,
            killed_s=None if killed_ns is None else self._log.elapsed_s(killed_ns),
            command=options.command,
            created=f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        )
        text = json.dumps(asdict(metrics), indent=2)
        for name, content in (
            ("metrics.json", text + "\n"),
            ("report.html", render_report(self._log, metrics, context)),
        ):
            with writing(options.out / name):
                (options.out / name).write_text(content)
        save_trajectory(
            options.out / "trajectory.png",
            self._log,
            self._outlines,
            places.start,
            places.goal,
            self._robot.max_linear_velocity,
        )


def robot_shape() -> RobotShape:
    """The robot that the worlds include."""
    return load_config(RobotShape, [share_directory() / "config" / "robot.yaml"], "demo")
