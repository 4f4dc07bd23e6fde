"""A generated field for the benches of the monitor."""

from pathlib import Path

import pytest

from scenario_eval.worldgen import FieldParameters, generate, write_sdf


@pytest.fixture(scope="session")
def field_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("worlds") / "field.sdf"
    write_sdf(generate(7, FieldParameters(fill=(0.15, 0.2))), file)
    return file
