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


def bring_project_files() -> None:
    """Link what setuptools reads beside this file, where colcon has linked only this file.

    `colcon build --symlink-install` runs setup.py in a directory of links, which lacks
    pyproject.toml; without it the package has no name and no executables.
    """
    source = Path(__file__).resolve().parent
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if not Path(name).exists() and (source / name).is_file():
            Path(name).symlink_to(source / name)


bring_project_files()
setup(python_requires=">=3.10,<3.15", data_files=data_files())
