"""The `replay` command."""

from __future__ import annotations

import json as json_module
import math
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Node(str, Enum):
    """What is replayed."""

    PERCEPTION = "perception"
    DECISION = "decision"
    MONITOR = "monitor"


def replay(
    recording: Annotated[Path, typer.Argument(help="MCAP recording, as out/demo/run.mcap.")],
    node: Annotated[list[Node] | None, typer.Option(help="Only these; repeat it.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy of the recording.")] = None,
    driver: Annotated[str, typer.Option(help="Driver of the recording.")] = "default",
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of messages that must agree.")
    ] = 0.95,
    from_s: Annotated[float, typer.Option(min=0.0, help="Begin here, seconds.")] = 0.0,
    to_s: Annotated[float, typer.Option(help="End here, seconds.")] = math.inf,
    write: Annotated[
        Path | None, typer.Option(help="Write the recording with the outputs computed anew.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Play a recording through the cores again and compare every output: exit 1 where they part."""
    from edge_autonomy.replay.player import TOPICS, clip
    from edge_autonomy.replay.player import replay as play
    from edge_autonomy.replay.reading import read_recording
    from edge_autonomy.replay.writing import Rewriter
    from scenario_eval.options import StackOptions

    nodes = [item.value for item in node] if node else list(TOPICS)
    topics = {topic for name in nodes for topic in TOPICS[name]} | set(TOPICS["perception"])
    messages = clip(list(read_recording(recording, topics)), from_s, min(to_s, 1e9))
    rewriter = Rewriter(messages)
    found = play(messages, nodes, StackOptions(driver=driver, policy=policy), rewriter.replace)
    if write is not None:
        rewriter.write(write)
    # A recording without some topic has nothing to compare there; one without any proves nothing.
    compared = {name: [a for a in group if a.differences] for name, group in found.items()}
    agrees = all(group and min(a.share for a in group) >= least for group in compared.values())
    figures = {
        "recording": str(recording),
        "messages": len(messages),
        "agrees": agrees,
        "nodes": {
            name: {agreement.name: agreement.figures() for agreement in group}
            for name, group in found.items()
        },
    }
    if json:
        print(json_module.dumps(figures))
    else:
        for name, group in found.items():
            for agreement in group:
                shown = agreement.figures()
                print(
                    f"{name}: {agreement.name}: {100 * agreement.share:.1f} % of "
                    f"{shown['messages']} agree, worst {shown['worst']} {agreement.unit} "
                    f"at {shown['worst_s']} s"
                )
    raise typer.Exit(0 if agrees else 1)
