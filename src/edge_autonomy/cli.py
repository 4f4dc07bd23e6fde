"""The `edge-autonomy` command: mounts the commands of the packages and reports their errors."""

from __future__ import annotations

import sys

import typer

from edge_autonomy.launch.cli import launch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Autonomy for a ROS 2 robot that contains a learned policy.",
)
app.command()(launch)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit 2."""
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        if not _is_known(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _is_known(error: Exception) -> bool:
    """Our own error classes say what is wrong and what to do; any other is a fault of ours."""
    packages = ("autonomy_interfaces", "autonomy_nodes", "edge_autonomy")
    return type(error).__module__.split(".")[0] in packages
