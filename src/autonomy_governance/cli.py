"""`edge-autonomy estop|reset|status|approve`, `audit …` and `gate …`: a person's commands.

The first three need the safety monitor alone, `approve` the gate alone, the others no process.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from autonomy_governance.operator import Operator

operator = typer.Typer()
audit = typer.Typer(no_args_is_help=True, help="Prove and read the audit log.")
gate = typer.Typer(no_args_is_help=True, help="Check the policy of the gate.")

LogDirectory = Annotated[
    Path | None, typer.Argument(help="A log, or the directory of several; default ROS_HOME/audit.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")]

_LATEST_NS = 1 << 63


@operator.command()
def estop(timeout: Timeout = 5.0, as_json: AsJson = False) -> None:
    """Stop the robot, and keep it stopped until `reset`."""
    _call("/safety/estop", timeout, as_json)


@operator.command()
def reset(timeout: Timeout = 5.0, as_json: AsJson = False) -> None:
    """Let the robot move again after an emergency stop, if its cause is gone."""
    _call("/safety/reset", timeout, as_json)


@operator.command()
def status(timeout: Timeout = 5.0, as_json: AsJson = False) -> None:
    """What the safety monitor does, and why."""
    with _person(timeout) as person:
        found = person.safety_state()
    if found is None:
        _nobody("safety monitor", 1)
    text = found["state"] + (f": {found['cause']}" if found["cause"] else "")
    typer.echo(json.dumps(found) if as_json else text)


@audit.command()
def verify(
    directory: LogDirectory = None,
    anchor: Annotated[
        list[str] | None, typer.Option(help="SEQ:HASH noted elsewhere; the log must contain it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find any edit, removal, reordering or cut; exit code 1 if there is one."""
    from autonomy_governance import audit_chain

    logs = _logs(directory)
    if anchor and len(logs) > 1:
        _fail("an anchor belongs to one log: name its directory")
    try:
        anchors = [audit_chain.Head.parse(text) for text in anchor or ()]
    except ValueError as error:
        _fail(str(error))
    results = {log: audit_chain.verify(log, anchors) for log in logs}
    ok = all(result.ok for result in results.values())
    if as_json:
        shown = {
            str(log): {
                "ok": result.ok,
                "files": result.files,
                "records": result.records,
                "head": str(result.head),
                "findings": [
                    {"file": f.file, "line": f.line, "problem": f.problem} for f in result.findings
                ],
            }
            for log, result in results.items()
        }
        typer.echo(json.dumps({"ok": ok, "logs": shown}))
    else:
        for log, result in results.items():
            verdict = "whole" if result.ok else "BROKEN"
            typer.echo(f"{log}: {verdict}, {result.records} records, head {result.head}")
            for finding in result.findings:
                typer.echo(f"  {finding.file}:{finding.line}: {finding.problem}")
    raise typer.Exit(0 if ok else 1)


@audit.command()
def show(directory: LogDirectory = None, as_json: AsJson = False) -> None:
    """Print every record of all logs, in the order of time; exit code 1 if some cannot be read."""
    _print_records(*_records(directory), as_json)


@audit.command()
def tail(
    directory: LogDirectory = None,
    lines: Annotated[int, typer.Option("-n", min=1, help="How many of the newest records.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print the newest records; exit code 1 if some of the logs cannot be read."""
    found, unreadable = _records(directory)
    _print_records(found[-lines:], unreadable, as_json)


@gate.command()
def check(
    directory: Annotated[Path, typer.Argument(help="Policy directory, such as config/gate.")],
    as_json: AsJson = False,
) -> None:
    """Compile a policy, check its site and run its cases; exit code 1 if it would be refused."""
    from autonomy_governance.gate_policy import Policy, PolicyError, read_sources

    if not directory.is_dir():
        _fail(f"{directory} is not a directory")
    try:
        policy = Policy(read_sources(directory))
        result: dict[str, Any] = {"ok": True, "version": policy.version, "cases": len(policy.cases)}
    except PolicyError as error:
        result = {"ok": False, "reason": str(error)}
    if as_json:
        typer.echo(json.dumps(result))
    elif result["ok"]:
        typer.echo(f"{directory}: sound, version {result['version']}, {result['cases']} cases hold")
    else:
        typer.echo(f"{directory}: refused: {result['reason']}")
    raise typer.Exit(0 if result["ok"] else 1)


@operator.command()
def approve(
    request_id: Annotated[
        str | None, typer.Argument(help="Which request; none lists them.")
    ] = None,
    who: Annotated[str, typer.Option(help="Your name, as the policy knows it.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Say no instead.")] = False,
    timeout: Timeout = 5.0,
    as_json: AsJson = False,
) -> None:
    """Answer a request that the safety gate left to a person, or list those that wait."""
    if request_id and not who:
        _fail("say who you are: --who NAME")
    with _person(timeout) as person:
        if request_id is None:
            pending = person.pending()
        else:
            decision = person.answer(request_id, who, approve=not reject)
    if request_id is None:
        _print_pending(pending if pending is not None else _nobody("safety gate", 2), as_json)
        return
    if decision is None:
        _nobody("safety gate", 2)
    done = decision["by"] == who and decision["outcome"] == ("deny" if reject else "allow")
    typer.echo(json.dumps(decision) if as_json else f"{decision['outcome']}: {decision['reason']}")
    raise typer.Exit(0 if done else 1)


def _print_pending(pending: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"pending": pending}))
        return
    for entry in pending:
        typer.echo(f"{entry['request_id']}  {entry['action']}: {entry['reason']}")
        typer.echo(f"    {entry['who']} asks, tier {entry['tier']}, {entry['seconds_left']} s left")
    if not pending:
        typer.echo("nothing awaits a person")


def _print_records(entries: list[dict[str, Any]], unreadable: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"records": entries, "unreadable": unreadable}))
    else:
        for entry in entries:
            when = datetime.fromtimestamp(entry["wall_ns"] * 1e-9, timezone.utc)
            details = " ".join(f"{key}={value}" for key, value in entry["details"].items())
            what = f"{entry['kind']:12} {entry['who']}: {entry['cause']}"
            typer.echo(f"{when:%Y-%m-%d %H:%M:%S.%f}Z {what}  {details}".rstrip())
    if unreadable:
        typer.echo(
            f"error: {len(unreadable)} records cannot be read, the first is {unreadable[0]}; "
            "`edge-autonomy audit verify` says what else is amiss",
            err=True,
        )
        raise typer.Exit(1)


def _records(directory: Path | None) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of all logs in the order of time, and the places of what is no record."""
    from autonomy_governance.audit_chain import lines

    found, unreadable = [], []
    for log in _logs(directory):
        for place, record in lines(log):
            if record is not None and _can_be_shown(record):
                found.append(record)
            else:
                unreadable.append(f"{log.name}/{place}")
    return sorted(found, key=lambda record: int(record["wall_ns"])), unreadable


def _can_be_shown(record: dict[str, Any]) -> bool:
    """Whether a record, which nothing has proven yet, has what is printed of it."""
    wall_ns = record.get("wall_ns")
    return (
        isinstance(wall_ns, int)
        and 0 <= wall_ns < _LATEST_NS
        and isinstance(record.get("details"), dict)
        and all(isinstance(record.get(key), str) for key in ("kind", "who", "cause"))
    )


def _logs(directory: Path | None) -> list[Path]:
    """The logs in a directory: itself, or those below it."""
    from autonomy_governance.audit import default_directory
    from autonomy_governance.audit_chain import HEAD_FILE, log_files

    root = directory or default_directory()
    candidates = [root, *(sorted(root.iterdir()) if root.is_dir() else ())]
    logs = [path for path in candidates if log_files(path) or (path / HEAD_FILE).exists()]
    return logs or _fail(f"{root} holds no audit log (files audit-000001.jsonl and on)")


def _call(service: str, timeout: float, as_json: bool) -> None:
    with _person(timeout) as person:
        answer = person.trigger(service)
    if answer is None:
        _nobody("safety monitor", 1)
    success, message = answer
    typer.echo(json.dumps({"success": success, "message": message}) if as_json else message)
    raise typer.Exit(0 if success else 1)


def _person(timeout: float) -> Operator:
    try:
        from autonomy_governance.operator import Operator
    except ImportError as error:
        _fail(f"ROS 2 cannot be used here ({error}); `edge-autonomy doctor` says what to do")
    return Operator(timeout)


def _nobody(whom: str, code: int) -> NoReturn:
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    typer.echo(f"error: no {whom} answers; is it running, with ROS_DOMAIN_ID {domain}?", err=True)
    raise typer.Exit(code)


def _fail(text: str) -> NoReturn:
    typer.echo(f"error: {text}", err=True)
    raise typer.Exit(2)
