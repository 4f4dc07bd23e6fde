"""The comparison with recordings: what is read, how figures are made, when one is exceeded."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import sdf_text
from typer.testing import CliRunner

from world_sim.bench.cli import bench
from world_sim.bench.fidelity import compare, response_times
from world_sim.bench.recording import (
    COLUMNS,
    FidelityError,
    Recording,
    Track,
    play,
    read_recordings,
)

ROW_S = 0.01


def commands(vx: float, wz: float, seconds: float = 1.0) -> np.ndarray:
    """Rows that command a velocity from 1 s on for `seconds`, everything else zero."""
    t = np.arange(1, round((seconds + 2.0) / ROW_S) + 1) * ROW_S
    rows = np.zeros((len(t), len(COLUMNS)))
    rows[:, 0] = t
    asked = (t > 1.0 + 1e-9) & (t <= 1.0 + seconds + 1e-9)
    rows[asked, 1], rows[asked, 2] = vx, wz
    return rows


def record(directory: Path, name: str, rows: np.ndarray) -> Path:
    """Write rows as a recording, and the world of its robot beside it."""
    sdf_text.write(directory, sdf_text.world(sdf_text.two_wheeler()), "empty_2w.sdf")
    lines = [",".join(COLUMNS), *(",".join(f"{v:.6f}" for v in row) for row in rows)]
    file = directory / f"{name}.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def as_rows(track: Track) -> np.ndarray:
    return np.column_stack([getattr(track, field.name) for field in fields(track)])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A recording that the simulator made itself."""
    directory = tmp_path_factory.mktemp("reference")
    record(directory, "arc", commands(0.5, 0.4))
    (recording,) = read_recordings(directory)
    return replace(recording, track=play(recording, 2))


def test_a_robot_that_does_what_was_recorded_is_within_every_tolerance(played: Recording) -> None:
    figures = compare(played, play(played, 2))
    assert figures["within"]
    assert figures["odom_error_m"] == figures["pose_error_m"] == figures["rise_time_error_s"] == 0.0
    assert played.track.x[-1] > 0.4


@pytest.mark.parametrize(
    ("column", "error", "figure"),
    [
        ("odom_x", 0.011, "odom_error_m"),
        ("odom_yaw", -0.011, "odom_error_rad"),
        ("yaw", 0.05, "yaw_error_ratio"),
        ("x", 0.06, "end_error_ratio"),
    ],
)
def test_an_error_beyond_its_tolerance_is_found(
    played: Recording, column: str, error: float, figure: str
) -> None:
    wrong = replace(played.track, **{column: getattr(played.track, column) + error})
    figures = compare(played, wrong)
    assert not figures["within"]
    over = [name for name, limit in figures["tolerances"].items() if figures[name] > limit]
    assert over == [figure]


def test_a_robot_with_spherical_wheels_is_held_to_its_pose_at_every_row(played: Recording) -> None:
    x = played.track.x.copy()
    x[150] += 0.021
    figures = compare(replace(played, robot="2ws"), replace(played.track, x=x))
    assert figures["pose_error_m"] == pytest.approx(0.021)
    assert not figures["within"]


def test_rise_and_fall_are_timed_from_the_command_and_from_its_end() -> None:
    t = np.arange(1, 401) * ROW_S
    command = np.where((t > 1.0 + 1e-9) & (t <= 3.0 + 1e-9), 2.0, 0.0)
    # A ramp of 0.2 s up from 1.05 s, and of 0.1 s down from 3.0 s.
    velocity = 2.0 * np.clip(np.minimum((t - 1.05) / 0.2, (3.1 - t) / 0.1), 0.0, 1.0)
    rise, fall = response_times(t, command, velocity)
    assert rise == pytest.approx(0.05 + 0.9 * 0.2)
    assert fall == pytest.approx(0.9 * 0.1)


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FidelityError, match="holds no recording"):
        read_recordings(tmp_path)
    record(tmp_path, "short", commands(1.0, 0.0)[:1])
    with pytest.raises(FidelityError, match=r"short\.csv: holds 1 rows"):
        read_recordings(tmp_path)
    (tmp_path / "short.csv").write_text("t,x\n0,zero\n")
    with pytest.raises(FidelityError, match=r"short\.csv: expected numbers in columns t, cmd_v"):
        read_recordings(tmp_path)
    (tmp_path / "empty_2w.sdf").unlink()
    with pytest.raises(FidelityError, match=r"its world empty_2w\.sdf is not beside it"):
        read_recordings(tmp_path)


def test_the_command_reports_each_profile_draws_it_and_fails_with_it(
    tmp_path: Path, played: Recording
) -> None:
    record(tmp_path, "good", as_rows(played.track))
    run = CliRunner().invoke(
        bench, ["fidelity", "--reference", str(tmp_path), "--plots", str(tmp_path / "p"), "--json"]
    )
    figures = json.loads(run.stdout)
    assert run.exit_code == 0
    assert figures["all_within"]
    assert list(figures["profiles"]) == ["good"]
    assert (tmp_path / "p" / "good.png").stat().st_size > 1000
    ahead = np.array([0.0] * 8 + [0.02, 0.0, 0.0])
    record(tmp_path, "bad", as_rows(played.track) + ahead)
    run = CliRunner().invoke(bench, ["fidelity", "--reference", str(tmp_path)])
    assert run.exit_code == 1
    assert "bad" in run.stdout
    assert "NOT within; 200% of its tolerance in odom_error_m" in run.stdout
