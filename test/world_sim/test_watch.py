"""The live page: what it is served, from where, and how it drives."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy_interfaces.messages import LaserScan, Pose2D
from world_sim.faults import parse_faults
from world_sim.watch.play import Play
from world_sim.watch.scene import NO_RETURN, Frame, RobotView, Scene, scan_view, thinned
from world_sim.watch.server import LiveServer, WatchError
from world_sim.world import load_world

WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="wall">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>
<model name="wall"><static>true</static><pose>2 0 0.5 0 0 0</pose><link name="link">
<collision name="c"><geometry><box><size>0.2 4 1</size></box></geometry></collision>
<visual name="v"><geometry><box><size>0.2 4 1</size></box></geometry></visual>
</link></model></world></sdf>
"""
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world_file(tmp_path: Path) -> Path:
    file = tmp_path / "wall.sdf"
    file.write_text(WORLD)
    return file


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer(Scene("test"), port=0) as server:
        yield server


def request(
    server: LiveServer,
    method: str,
    path: str,
    body: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10.0)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


class Stream:
    """The stream of frames as a browser reads it."""

    def __init__(self, server: LiveServer) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10.0)
        self._connection.request("GET", "/frames")
        self._response = self._connection.getresponse()

    def frame(self) -> dict[str, Any]:
        while True:
            line = self._response.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                frame: dict[str, Any] = json.loads(line[6:])
                return frame


def test_the_page_is_complete_in_itself(server: LiveServer) -> None:
    status, page = request(server, "GET", "/")
    assert status == 200
    text = page.decode()
    assert "<canvas" in text
    assert "http://" not in text
    assert "https://" not in text
    assert 'src="' not in text


def test_frames_reach_every_page_that_watches(server: LiveServer) -> None:
    streams = [Stream(server), Stream(server)]
    for time_s in (1.0, 2.0):
        server.publish(Frame(time_s, (RobotView("robot", 1.0, 2.0, 0.5, 0.3, 0.0),)))
        for stream in streams:
            frame = stream.frame()
            assert frame["time_s"] == time_s
            assert frame["robots"][0]["name"] == "robot"


def test_a_page_that_comes_late_gets_the_newest_frame(server: LiveServer) -> None:
    for time_s in (1.0, 2.0, 3.0):
        server.publish(Frame(time_s))
    assert Stream(server).frame()["time_s"] == 3.0


def test_what_is_not_there_is_not_found(server: LiveServer) -> None:
    assert request(server, "GET", "/../server.py")[0] == 404


def test_a_foreign_name_for_this_machine_is_refused(server: LiveServer) -> None:
    assert request(server, "GET", "/scene", headers={"Host": "evil.example"})[0] == 403
    assert request(server, "GET", "/scene")[0] == 200


def test_only_loopback_is_served(server: LiveServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_named_with_the_remedy(server: LiveServer) -> None:
    with pytest.raises(WatchError, match=rf"port {server.port} is in use.*--port"):
        LiveServer(Scene("other"), port=server.port)


def test_a_run_that_is_only_shown_cannot_be_driven(server: LiveServer) -> None:
    assert request(server, "POST", "/command", '{"robot": "a"}', JSON)[0] == 403


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"robot": "a", "vx": "fast", "wz": 0}'])
def test_a_malformed_command_is_refused(body: str) -> None:
    with LiveServer(Scene("test"), port=0, drive=lambda *_: None) as server:
        assert request(server, "POST", "/command", body, JSON)[0] == 400


def test_a_form_of_another_site_cannot_drive() -> None:
    driven: list[tuple[str, float, float]] = []
    body = '{"robot": "a", "vx": 1, "wz": 0}'
    with LiveServer(Scene("t"), port=0, drive=lambda *wish: driven.append(wish)) as server:
        assert request(server, "POST", "/command", body, {"Content-Type": "text/plain"})[0] == 403
        assert driven == []
        assert request(server, "POST", "/command", body, JSON)[0] == 204
    assert driven == [("a", 1.0, 0.0)]


def test_the_scene_shows_what_stands_and_how_robots_look(world_file: Path) -> None:
    scene = Play(load_world(world_file)).scene
    assert scene.drivable
    (wall,) = scene.shapes
    xs, ys = zip(*wall.polygon, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((1.9, 2.1, -2.0, 2.0))
    lengths = [max(x for x, _ in shape.polygon) for shape in scene.robots["robot"]]
    assert 0.2 < max(lengths) < 0.3


def test_the_lidar_is_drawn_where_it_sees(world_file: Path) -> None:
    game = Play(load_world(world_file))
    for _ in range(3):
        frame = game.step()
    scan = frame.robots[0].scan
    assert scan is not None
    middle = scan.centimetres[len(scan.centimetres) // 2]
    assert scan.x + middle / 100.0 == pytest.approx(1.9, abs=0.02)


def test_beams_without_return_are_marked() -> None:
    ranges = np.array([1.234, np.inf, np.nan, -np.inf], np.float32)
    scan = LaserScan(0, ranges, -1.0, 0.5, 0.1, 30.0)
    view = scan_view(scan, Pose2D(0.0, 0.0))
    assert view.centimetres == (123, NO_RETURN, NO_RETURN, NO_RETURN)


def test_a_long_path_is_thinned_but_keeps_its_end() -> None:
    points = [(float(i), 0.0) for i in range(1001)]
    thin = thinned(points)
    assert len(thin) <= 202
    assert (thin[0], thin[-1]) == (points[0], points[-1])
    assert thinned([]) == ()


def test_a_held_key_drives_and_letting_go_stops(world_file: Path) -> None:
    game = Play(load_world(world_file))
    for _ in range(20):
        game.drive("robot", -0.5, 0.0)
        frame = game.step()
    assert frame.robots[0].vx == pytest.approx(-0.5, abs=0.05)
    for _ in range(20):
        frame = game.step()
    assert abs(frame.robots[0].vx) < 0.02


def test_a_contact_is_shown(world_file: Path) -> None:
    game = Play(load_world(world_file))
    for _ in range(80):
        game.drive("robot", 1.0, 0.0)
        frame = game.step()
    assert frame.robots[0].contact == "wall"
    assert frame.facts["contacts so far"] == "1"


def test_a_robot_that_is_not_there_is_not_driven(world_file: Path) -> None:
    game = Play(load_world(world_file))
    game.drive("stranger", 1.0, 0.0)
    game.drive("robot", float("nan"), 0.0)
    assert game.step().robots[0].vx == pytest.approx(0.0, abs=0.02)


def test_faults_that_act_now_are_named(world_file: Path) -> None:
    faults = parse_faults([{"kind": "silence", "target": "scan", "at_s": 0.2}])
    game = Play(load_world(world_file), faults)
    assert game.step().facts["faults now"] == "none"
    for _ in range(5):
        frame = game.step()
    assert frame.facts["faults now"] == "silence (scan)"


def test_the_command_shows_a_world_until_it_is_interrupted(world_file: Path) -> None:
    run = "from edge_autonomy.cli import main; main()"
    command = [sys.executable, "-c", run, "worlds", "watch", str(world_file), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(60.0, process.kill)
    guard.start()
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        port = int(line.split("localhost:")[1].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
        connection.request("GET", "/scene")
        assert json.loads(connection.getresponse().read())["name"] == "wall"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()
