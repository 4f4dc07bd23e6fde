"""Data files, the ament index entry and the Python versions; the rest is in pyproject.toml."""

from pathlib import Path

from setuptools import setup

PACKAGE = "edge_autonomy"
DATA_DIRECTORIES = ("launch", "config", "gazebo_worlds", "models", "scenarios")


def data_files() -> list[tuple[str, list[str]]]:
    """Map each file of the data directories to its place under share/."""
    share = f"share/{PACKAGE}"
    entries = [
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (share, ["package.xml"]),
    ]
    for directory in DATA_DIRECTORIES:
        folders: dict[Path, list[str]] = {}
        for file in sorted(Path(directory).rglob("*")):
            if file.is_file():
                folders.setdefault(file.parent, []).append(str(file))
        entries += [(f"{share}/{folder}", files) for folder, files in folders.items()]
    return entries


setup(python_requires=">=3.10,<3.15", data_files=data_files())
