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
        for folder in [
            Path(directory),
            *sorted(p for p in Path(directory).rglob("*") if p.is_dir()),
        ]:
            files = sorted(str(p) for p in folder.iterdir() if p.is_file())
            if files:
                entries.append((f"{share}/{folder}", files))
    return entries


setup(python_requires=">=3.10,<3.15", data_files=data_files())
