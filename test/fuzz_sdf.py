"""Feeds broken worlds to the reader and the simulator, and reports what is not a clean error.

    python test/fuzz_sdf.py --minutes 10 --seed 0 --json

Every input is a world of ours, changed at random in its XML tree and in its bytes. It must be
read and simulated for some steps, or be refused by an error of ours of one line, within limits
of time and memory. What does anything else is written to --out and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import hashlib
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
INPUT_SECONDS = 8
MEMORY_BYTES = 3 * 1024**3
STEPS_NS = 40_000_000
MAX_BYTES = 60_000

NUMBERS = (
    "0", "-1", "1e-12", "1e9", "1e300", "nan", "inf", "-inf", "0x10", "", "x", "1,5",
    "1 2", "1 2 3 4 5 6 7 8", "99999999999999999999", "1e-320", "-0",
)  # fmt: skip
WORDS = ("world", "__model__", "a::b", "::", "../..", "model://rover", "true", "maybe", "ä", "j")
SNIPPETS = (
    "<actor name='a'><script><trajectory id='0' type='w'><waypoint><time>0</time>"
    "<pose>1 1 0 0 0 0</pose></waypoint><waypoint><time>1</time><pose>2 1 0 0 0 1</pose>"
    "</waypoint></trajectory></script></actor>",
    "<model name='p'><static>1</static><link name='l'><collision name='c'><geometry><polyline>"
    "<point>0 0</point><point>1 0</point><point>0 1</point><height>1</height></polyline>"
    "</geometry></collision></link></model>",
    "<model name='q'><link name='l'/><link name='k'/><joint name='j' type='revolute'>"
    "<parent>l</parent><child>k</child><axis><xyz>0 1 0</xyz><limit><lower>-1</lower><upper>1"
    "</upper></limit><dynamics><spring_stiffness>5</spring_stiffness></dynamics></axis></joint>"
    "</model>",
    "<model name='h'><static>1</static><link name='l'><collision name='c'><geometry><heightmap>"
    "<uri>hill.png</uri><size>8 8 1</size></heightmap></geometry></collision></link></model>",
    "<model name='m'><static>1</static><link name='l'><collision name='c'><geometry><mesh>"
    "<uri>part.obj</uri><scale>1 1 1</scale></mesh></geometry></collision></link></model>",
    "<model name='n'><static>1</static><link name='l'><collision name='c'><geometry><mesh>"
    "<uri>part.stl</uri></mesh></geometry></collision><visual name='v'><geometry><mesh>"
    "<uri>binary.stl</uri></mesh></geometry></visual></link></model>",
    "<model name='d'><link name='l'><collision name='c'><geometry><mesh>"
    "<uri>part.dae</uri></mesh></geometry></collision></link></model>",
    "<light name='s' type='spot'><pose>0 0 5 0 0 0</pose><diffuse>1 1 1 1</diffuse></light>",
    "<frame name='f' attached_to='p'><pose relative_to='f'>0 0 0 0 0 0</pose></frame>",
    "<include merge='true'><uri>model://barrel</uri><placement_frame>link</placement_frame>"
    "<pose>1 2 3 0 0 0</pose></include>",
    "<spherical_coordinates><latitude_deg>48</latitude_deg></spherical_coordinates>",
    "<gravity>0 0 -9.8</gravity>",
)
OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"


STL = b"solid s\n" + b"".join(
    b"facet normal 0 0 1\nouter loop\nvertex %d 0 0\nvertex 0 %d 0\nvertex 0 0 %d\nendloop\n"
    b"endfacet\n" % corner
    for corner in ((1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
) + b"endsolid s\n"  # fmt: skip
BINARY_STL = bytes(80) + (4).to_bytes(4, "little") + b"".join(
    np.array([0, 0, 1, *np.eye(3, dtype="<f4")[[i % 3, (i + 1) % 3]].ravel(), i, i, i], "<f4")
    .tobytes() + bytes(2)
    for i in range(4)
)  # fmt: skip


class TooSlow(BaseException):
    """The input ran past its time; not an Exception, so that nothing swallows it."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TooSlow in the block after `seconds` of this process's own time.

    Its own, because another process on the machine is no fault of an input.
    """

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    # Code in C does not look at Python's signals: then the process itself tells where it hung.
    faulthandler.dump_traceback_later(12 * seconds, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGPROF, before)


class Mutator:
    """Makes worlds from worlds."""

    def __init__(self, seeds: list[str], rng: np.random.Generator) -> None:
        self._seeds = seeds
        self._rng = rng
        self._count = 0

    def world(self) -> bytes:
        """One input."""
        text = self._seeds[self._rng.integers(len(self._seeds))]
        if self._rng.random() < 0.85:
            tree = ElementTree.fromstring(text)
            for _ in range(1 + self._rng.poisson(2.0)):
                self._change_tree(tree)
            text = ElementTree.tostring(tree, encoding="unicode")
        data = text.encode("utf-8", "surrogateescape")
        if self._rng.random() < 0.25:
            for _ in range(1 + self._rng.poisson(1.0)):
                data = self._change_bytes(data)
        return data

    def assets(self, data: bytes, assets: dict[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
        """`data`, some of whose files are replaced by changed ones; those by name."""
        changed: dict[str, bytes] = {}
        for name, content in assets.items():
            if name.encode() not in data or self._rng.random() < 0.5:
                continue
            for _ in range(1 + self._rng.poisson(1.0)):
                content = self._change_bytes(content)
            # Under a new name: what was read is kept by name.
            self._count += 1
            new = f"file{self._count}{Path(name).suffix}"
            changed[new] = content
            data = data.replace(name.encode(), new.encode())
        return data, changed

    def _pick(self, choices: tuple[str, ...]) -> str:
        return choices[self._rng.integers(len(choices))]

    def _change_tree(self, tree: ElementTree.Element) -> None:
        elements = list(tree.iter())
        parents = {child: parent for parent in elements for child in parent}
        element = elements[self._rng.integers(len(elements))]
        parent = parents.get(element)
        match int(self._rng.integers(9)):
            case 0 | 1 if element.text and element.text.strip():
                element.text = self._changed_text(element.text)
            case 2 if parent is not None:
                parent.remove(element)
            case 3 if parent is not None:
                parent.insert(int(self._rng.integers(len(parent) + 1)), copy.deepcopy(element))
            case 4 if len(ElementTree.tostring(element)) < 5000:
                target = elements[self._rng.integers(len(elements))]
                target.append(copy.deepcopy(element))
            case 5 if element.attrib:
                name = self._pick(tuple(element.attrib))
                element.set(name, self._pick((*WORDS, "", "box")))
            case 6:
                element.tag = elements[self._rng.integers(len(elements))].tag
            case 7:
                target = tree.find("world")
                target = tree if target is None else target
                target.append(ElementTree.fromstring(self._pick(SNIPPETS)))
            case _:
                element.set(self._pick(("name", "relative_to", "merge", "type")), self._pick(WORDS))

    def _changed_text(self, text: str) -> str:
        words = text.split()
        place = int(self._rng.integers(len(words)))
        if self._rng.random() < 0.7:
            words[place] = self._pick(NUMBERS + WORDS)
        elif self._rng.random() < 0.5:
            del words[place]
        else:
            words.insert(place, self._pick(NUMBERS))
        return " ".join(words)

    def _change_bytes(self, data: bytes) -> bytes:
        if not data:
            return b"<"
        start = int(self._rng.integers(len(data)))
        end = min(len(data), start + 1 + int(self._rng.exponential(20)))
        match int(self._rng.integers(5)):
            case 0:
                return data[:start] + data[end:]
            case 1:
                return data[:start] + self._rng.bytes(end - start) + data[end:]
            case 2:
                return data[:start]
            case 3:
                return data[:end] + data[start:end] * int(self._rng.integers(1, 5)) + data[end:]
            case _:
                return data[:start] + self._rng.bytes(1) + data[start + 1 :]


def try_input(path: Path) -> str:
    """What became of a world file: `played` or `refused`.

    Raises:
        Exception: anything that is not an error for the user.
    """
    from world_sim.simulator import Simulator, SimulatorConfig
    from world_sim.slices import slice_models
    from world_sim.world import WorldError, load_world

    try:
        world = load_world(path, allow_unsupported=True)
        simulator = Simulator(world, config=SimulatorConfig(camera_quality="off"))
        slice_models(world.models, 0.3)
        simulator.advance(STEPS_NS)
    except WorldError as error:
        message = str(error)
        if "\n" in message or len(message) > 2000 or path.name not in message:
            raise AssertionError(f"not one line that names the file: {message[:300]}") from error
        return "refused"
    return "played"


def prepare(directory: Path) -> tuple[list[str], dict[str, bytes]]:
    """Write the files that worlds refer to; texts of worlds to begin with, and those files."""
    import cv2

    sys.path.insert(0, str(ROOT / "test" / "world_sim"))
    import sdf_text
    from mesh_text import TETRAHEDRON_DAE

    hill = cv2.imencode(".png", np.arange(81, dtype=np.uint8).reshape(9, 9))[1].tobytes()
    assets = {
        "part.obj": OBJ,
        "part.stl": STL,
        "binary.stl": BINARY_STL,
        "part.dae": TETRAHEDRON_DAE.encode(),
        "hill.png": hill,
    }
    for name, data in assets.items():
        (directory / name).write_bytes(data)
    content = "".join(SNIPPETS)
    seeds = [sdf_text.world(sdf_text.two_wheeler(), content), sdf_text.world(content)]
    seeds += [file.read_text() for file in sorted((ROOT / "gazebo_worlds").glob("*.sdf"))]
    for file in sorted((ROOT / "gazebo_worlds" / "models").glob("*/model.sdf")):
        model = ElementTree.parse(file).getroot().find("model")
        if model is not None:
            seeds.append(sdf_text.world(ElementTree.tostring(model, encoding="unicode")))
    return [seed for seed in seeds if len(seed) < MAX_BYTES], assets


def run(minutes: float, seed: int, out: Path, progress: float = 30.0) -> dict[str, object]:
    """Fuzz for some minutes; figures as in --json."""
    rng = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
    failures: dict[str, str] = {}
    slowest = 0.0
    began = time.monotonic()
    told = began
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        seeds, assets = prepare(directory)
        mutator = Mutator(seeds, rng)
        path = directory / "world.sdf"
        path.write_text(seeds[0])
        # As it is, so that everything is compiled before inputs are timed.
        try_input(path)
        while time.monotonic() - began < minutes * 60.0:
            data, changed = mutator.assets(mutator.world(), assets)
            path.write_bytes(data)
            for name, content in changed.items():
                (directory / name).write_bytes(content)
                (out / name).write_bytes(content)
            # Kept for the case that the process ends.
            (out / "last.sdf").write_bytes(data)
            start, failed = time.process_time(), outcomes["failed"]
            try:
                with limited(INPUT_SECONDS):
                    outcomes[try_input(path)] += 1
            except (Exception, TooSlow) as error:
                outcomes["failed"] += 1
                _keep(error, data, out, failures)
            slowest = max(slowest, time.process_time() - start)
            for name in changed:
                (directory / name).unlink()
                if outcomes["failed"] == failed:
                    (out / name).unlink()
            if time.monotonic() - told > progress:
                told = time.monotonic()
                print(f"{told - began:.0f} s: {dict(outcomes)}", file=sys.stderr, flush=True)
    return {
        "inputs": sum(outcomes.values()),
        **{name: outcomes[name] for name in ("played", "refused", "failed")},
        "failures": failures,
        "slowest_cpu_s": slowest,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "minutes": (time.monotonic() - began) / 60.0,
        "seed": seed,
    }


def _keep(error: BaseException, data: bytes, out: Path, failures: dict[str, str]) -> None:
    """Remember the first input of each kind of failure."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "world_sim" in frame.filename] or list(frames)
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
    kind = f"{type(error).__name__} at {place}"
    if kind not in failures:
        name = hashlib.sha256(data).hexdigest()[:12] + ".sdf"
        (out / name).write_bytes(data)
        failures[kind] = f"{name}: {str(error).splitlines()[0][:200] if str(error) else ''}"
        print(f"{kind}: {failures[kind]}", file=sys.stderr, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz_sdf"), help="failing inputs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--replay", type=Path, help="try this one file")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    faulthandler.enable()
    if arguments.replay:
        with tempfile.TemporaryDirectory() as directory:
            prepare(Path(directory))
            path = Path(directory) / "world.sdf"
            for file in arguments.replay.parent.glob("file*"):
                shutil.copy(file, directory)
            shutil.copy(arguments.replay, path)
            print(try_input(path))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = run(arguments.minutes, arguments.seed, arguments.out)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))
    sys.exit(1 if figures["failed"] else 0)


if __name__ == "__main__":
    main()
