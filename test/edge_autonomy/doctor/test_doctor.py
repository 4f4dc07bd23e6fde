"""The doctor: judges what it finds, and measures DDS for real."""

from __future__ import annotations

import collections
import errno
import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_autonomy.cli import app
from edge_autonomy.doctor import machine, round_trip, software
from edge_autonomy.doctor.check import Status

Usage = collections.namedtuple("Usage", "total used free")


@pytest.mark.dds
def test_reports_every_check_and_a_measured_round_trip() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is True
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    assert {"python", "ros", "simulator", "policy", "data files"} <= statuses.keys()
    assert statuses["ros"] == "ok"
    latency = report["dds_round_trip"]
    assert 0.0 < latency["p50_ms"] <= latency["p99_ms"]
    assert all(check["remedy"] for check in report["checks"] if check["status"] != "ok")


@pytest.mark.dds
def test_a_failed_round_trip_fails_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def unheard() -> round_trip.RoundTrip:
        raise round_trip.RoundTripError("not heard")

    monkeypatch.setattr(round_trip, "measure", unheard)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "✕ dds" in result.output
    assert "multicast" in result.output
    assert "cannot run here yet" in result.output


@pytest.mark.parametrize(
    ("free", "status"),
    [(50 << 30, Status.OK), (512 << 20, Status.LACKS), (10 << 20, Status.FAILS)],
)
def test_disk_is_judged_by_room_for_recordings(
    monkeypatch: pytest.MonkeyPatch, free: int, status: Status
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free, 0, free))
    assert machine.disk().status is status


@pytest.mark.parametrize("refusal", [None, errno.EPERM, errno.ENOSYS])
def test_real_time_is_asked_for_and_its_remedy_is_a_limit(
    monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    asked = []

    def schedule(*request: object) -> None:
        asked.append(request)
        if refusal is not None:
            raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(machine.os, "sched_setscheduler", schedule)
    check = machine.real_time()
    assert check.status is (Status.OK if refusal is None else Status.LACKS)
    assert refusal is None or "rtprio 40" in check.remedy
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("exists", "permitted", "status"),
    [(True, True, Status.OK), (True, False, Status.LACKS), (False, False, Status.OK)],
)
def test_cores_that_sleep_as_they_like_are_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, exists: bool, permitted: bool, status: Status
) -> None:
    file = tmp_path / "cpu_dma_latency"
    if exists:
        file.touch()
    monkeypatch.setattr(machine, "CPU_LATENCY", file)
    monkeypatch.setattr(machine.os, "access", lambda *_: permitted)
    check = machine.wake_latency()
    assert check.status is status
    assert ("udev" in check.remedy) is (status is Status.LACKS)
    assert "permitted" not in check.found or permitted


@pytest.mark.parametrize(("most", "status"), [(212_992, Status.OK), (65_536, Status.LACKS)])
def test_sockets_that_may_hold_no_costmap_are_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: int, status: Status
) -> None:
    setting = tmp_path / "rmem_max"
    setting.write_text(f"{most}\n")
    monkeypatch.setattr(machine, "RECEIVE_BUFFER", setting)
    check = machine.socket_buffers()
    assert check.status is status
    assert ("net.core.rmem_max=212992" in check.remedy) is (status is Status.LACKS)


def test_ports_in_use_are_seen_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = 99
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("", 7400 + 250 * domain + 10))
        check = machine.ports()
    assert check.status is Status.LACKS
    assert "1 of 10 in use" in check.found


@pytest.mark.parametrize("named", ["robot", "-1", "4000", "1.0"])
def test_a_domain_that_is_none_fails_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", named)
    check = machine.ports()
    assert check.status is Status.FAILS
    assert f"'{named}'" in check.found
    assert "ROS_DOMAIN_ID" in check.remedy


def test_an_absent_gazebo_is_lacking_not_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    check = software.gazebo()
    assert check.status is Status.LACKS
    assert "ros-gz" in check.remedy


def test_an_absent_rclpy_fails_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(software.importlib, "import_module", missing)
    check = software.ros()
    assert check.status is Status.FAILS
    assert "make setup" in check.remedy or "source" in check.remedy
