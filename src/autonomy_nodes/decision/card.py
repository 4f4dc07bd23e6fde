"""A policy's card: its manifest for people to read, as Markdown."""

from __future__ import annotations

from autonomy_nodes.decision.inputs import InputSpec, Part
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.outputs import (
    ManoeuvreOutput,
    TrajectoryScoresOutput,
    VelocityOutput,
)
from autonomy_nodes.decision.schema import NO_OFFSET, NO_SCALE


def render(manifest: Manifest) -> str:
    """Markdown that says what the policy needs, what it answers, and where it is from."""
    provenance = manifest.provenance
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        manifest.description,
        "",
        f"Licence {manifest.licence}; {manifest.rate_hz:g} Hz, answers within "
        f"{manifest.latency_budget_ms:g} ms; `{manifest.model.file}` sha256 "
        f"`{manifest.model.sha256}`.",
        "",
        "## Inputs",
        "",
        "| input | source | shape or place | history | out-of-distribution limit |",
        "| --- | --- | --- | --- | --- |",
    ]
    for spec in manifest.inputs:
        lines += _rows(spec)
    lines += ["", "## Output", "", _output(manifest), ""]
    if manifest.confidence is not None:
        confidence = manifest.confidence
        lines += [
            f"`{confidence.tensor}`: confidence; drives at {confidence.minimum:g} or more.",
            "",
        ]
    lines += ["## Provenance", ""]
    lines += [
        f"- data: {provenance.data}",
        f"- code: {provenance.code}",
        f"- configuration: `{provenance.configuration}`",
        f"- seed: {provenance.seed}",
        f"- created: {provenance.created}",
    ]
    if provenance.metrics:
        lines += ["", "## Measured", "", "| metric | value |", "| --- | --- |"]
        lines += [f"| {name} | {value:g} |" for name, value in provenance.metrics.items()]
    return "\n".join(lines) + "\n"


def _rows(spec: InputSpec) -> list[str]:
    """A row of the table for the tensor, and one for each of its parts, by where in it they lie."""
    if spec.source is not None:
        only = spec.bindings[spec.tensor]
        return [_row(spec.tensor, only, str(list(spec.shape)), spec.history)]
    width = sum(part.size for part in spec.parts)
    frame = f"{len(spec.parts)} parts, {width} numbers a tick"
    rows = [f"| {spec.tensor} | {frame} | {list(spec.shape)} | {spec.history} | by part |"]
    start = 0
    for name, part in spec.bindings.items():
        rows.append(_row(name, part, f"{start} … {start + part.size - 1}", part.history))
        start += part.size
    return rows


def _row(name: str, part: Part, place: str, history: int) -> str:
    settings = part.source.model_dump(exclude={"kind", "message", "frame", "unit"})
    source = ", ".join([part.source.kind, *(f"{k} {v}" for k, v in settings.items())])
    limit = f"{part.statistics.score_limit:g}" if part.statistics else "unchecked"
    return f"| {name} | {source} | {place} | {history} | {limit} |"


def _units(output: VelocityOutput) -> str:
    """How the tensor becomes a velocity, where it is none as it stands."""
    clip = output.clip
    clipped = f", clipped to {list(clip.low)} … {list(clip.high)}" if clip is not None else ""
    if output.scale == NO_SCALE and output.offset == NO_OFFSET:
        return clipped
    return f"{clipped}, times {list(output.scale)} plus {list(output.offset)}"


def _output(manifest: Manifest) -> str:
    output = manifest.output
    settings = output.model_dump(
        exclude={"kind", "tensor", "shape", "units", "manoeuvres", "trajectories"}
    )
    text = f"`{output.tensor}` {list(output.shape)}: {output.kind}"
    if isinstance(output, VelocityOutput):
        return (
            f"{text}{_units(output)}, vx {output.vx.low:g} … {output.vx.high:g} {output.units[0]}, "
            f"wz {output.wz.low:g} … {output.wz.high:g} {output.units[1]}."
        )
    if isinstance(output, ManoeuvreOutput):
        settings["manoeuvres"] = ", ".join(motion.name for motion in output.manoeuvres)
    if isinstance(output, TrajectoryScoresOutput):
        settings["trajectories"] = len(output.trajectories)
    return f"{text}; " + "; ".join(f"{name} {value}" for name, value in settings.items()) + "."
