"""`edge-autonomy policy list|add|promote|demote|rollback|where`: versions and channels."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from autonomy_nodes.decision.pointer import Change
    from autonomy_nodes.registry import Entry, Registry

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
TrustedKeys = Annotated[
    Path | None, typer.Option(help="Directory of trusted public keys; default config/trusted_keys.")
]
Models = Annotated[Path | None, typer.Option(help="The registry; default: models/ as installed.")]
ChannelOption = Annotated[str, typer.Option(help="Channel.")]
Note = Annotated[str, typer.Option(help="Why, for the history.")]
Reference = Annotated[str, typer.Argument(help="NAME/VERSION.")]


def models_directory(models: Path | None = None) -> Path:
    """The registry that is meant."""
    from autonomy_interfaces.share import share_directory

    return models or share_directory() / "models"


def trusted_directory(trusted: Path | None = None) -> Path:
    """The directory of trusted keys that is meant."""
    from autonomy_interfaces.share import share_directory

    return trusted or share_directory() / "config" / "trusted_keys"


def default_key() -> Path:
    """Where a person's signing key is kept unless they say otherwise."""
    return Path.home() / ".config" / "edge_autonomy" / "signing_key.pem"


def chosen(name: str) -> Path:
    """The directory of the policy that a person names."""
    from autonomy_nodes.decision.pointer import find_policy

    return find_policy(name, models_directory())


def add_registry_commands(app: typer.Typer) -> None:
    """Mount the commands of the registry."""
    app.command(name="list")(list_versions)
    for command in (promote, demote, rollback, where):
        app.command()(command)


def list_versions(models: Models = None, as_json: AsJson = False) -> None:
    """Every version in the registry, and the channels that point at it."""
    versions = [_row(entry) for entry in _registry(models).entries()]
    if as_json:
        typer.echo(json.dumps({"versions": versions}))
        return
    for version in versions:
        marks = [*version["channels"]]
        marks += [] if version["signed"] else ["unsigned"]
        marks += ["withdrawn"] if version["withdrawn"] else []
        marks += [version["fault"]] if version["fault"] else []
        typer.echo(f"{version['policy']:32} {version['sha256'][:12]:12}  {', '.join(marks)}")


def _row(entry: Entry) -> dict[str, Any]:
    """What `list` says of a version; all but `fault` is empty where its manifest is none."""
    manifest = entry.manifest
    return {
        "policy": entry.reference,
        "sha256": manifest.model.sha256 if manifest else "",
        "output": manifest.output.kind if manifest else "",
        "signed": entry.signed,
        "withdrawn": entry.withdrawn,
        "channels": list(entry.channels),
        "created": manifest.provenance.created if manifest else "",
        "metrics": manifest.provenance.metrics if manifest else {},
        "fault": entry.fault,
    }


def promote(
    policy: Annotated[str, typer.Argument(help="NAME/VERSION, or a directory to add first.")],
    channel: ChannelOption = "default",
    note: Note = "",
    key: Annotated[
        Path | None, typer.Option(help="Sign it with this key; default: your own, if you have one.")
    ] = None,
    models: Models = None,
    as_json: AsJson = False,
) -> None:
    """Let a channel point at a version; a directory is added to the registry first."""
    from autonomy_nodes.decision.pointer import find_policy
    from autonomy_nodes.decision.signature import SIGNATURE_FILE, sign

    registry = _registry(models)
    directory = find_policy(policy, registry.models)
    reference = registry.add(directory)
    manifest = registry.models / reference / "manifest.yaml"
    signer = key or default_key()
    if key is not None or (signer.is_file() and not manifest.with_name(SIGNATURE_FILE).is_file()):
        sign(manifest, signer)
    _tell([registry.promote(reference, channel, note)], as_json)


def demote(
    policy: Reference, note: Note = "", models: Models = None, as_json: AsJson = False
) -> None:
    """Withdraw a version: its channels go back, and none may point at it again."""
    _tell(_registry(models).demote(policy, note), as_json)


def rollback(
    channel: ChannelOption = "default",
    note: Note = "",
    models: Models = None,
    as_json: AsJson = False,
) -> None:
    """Let a channel point at what it pointed at before."""
    _tell([_registry(models).rollback(channel, note)], as_json)


def where(
    models: Models = None,
    live_s: Annotated[
        float, typer.Option("--live", help="Ask running nodes too, for so many seconds.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """What each channel points at, and with --live what the running decision nodes drive with."""
    registry = _registry(models)
    pointers = registry.pointers()
    entries = {entry.reference: _row(entry) for entry in registry.entries()}
    absent = {"sha256": "", "fault": "no such version; point the channel at one that `list` shows"}
    channels: dict[str, dict[str, Any]] = {}
    for name, channel in pointers.channels.items():
        row = entries.get(channel.active, absent)
        channels[name] = {
            "active": channel.active,
            "sha256": row["sha256"],
            "previous": channel.previous,
            "fault": row["fault"],
        }
    running = _running(live_s) if live_s > 0.0 else None
    if as_json:
        typer.echo(json.dumps({"channels": channels, "running": running}))
        return
    for name, target in channels.items():
        before = ", ".join(target["previous"]) or "nothing"
        what = target["fault"] or target["sha256"][:12]
        typer.echo(f"{name:12} {target['active']}  {what}  (before: {before})")
    for node in running or []:
        what = f"{node['policy'] or 'no policy'}  {node['sha256'][:12]}".rstrip()
        typer.echo(f"running      {node['node']}  {what}  driver {node['driver']}")
    if running == []:
        typer.echo("running      no decision node heard")


def _running(patience_s: float) -> list[dict[str, str]]:
    """What the decision nodes of this ROS domain say of themselves."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticStatus
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor

    heard: dict[str, dict[str, str]] = {}

    def on_status(message: Any) -> None:
        heard[message.hardware_id] = _told(message)

    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("policy_where", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.create_subscription(DiagnosticStatus, "/decision/status", on_status, 10)
    try:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    return [heard[node] for node in sorted(heard)]


def _told(message: Any) -> dict[str, str]:
    """What a status says of its node: which it is, what it drives with, and how that goes."""
    values = {pair.key: pair.value for pair in message.values}
    names = ("policy", "sha256", "driver", "reason", "swap")
    return {"node": message.hardware_id, **{name: values.get(name, "") for name in names}}


def _registry(models: Path | None) -> Registry:
    from autonomy_nodes.registry import Registry

    return Registry(models_directory(models))


def _tell(changes: list[Change], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"changes": [change.model_dump() for change in changes]}))
        return
    for change in changes:
        typer.echo(f"{change.channel}: {change.before or 'nothing'} -> {change.after}")
    if not changes:
        typer.echo("withdrawn; no channel pointed at it")
