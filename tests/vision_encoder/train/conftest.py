from __future__ import annotations

from pathlib import Path

import pytest

from radraft.vision_encoder.train.data import Images
from tests.vision_encoder.train import builders


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled synthetic images for `builders.recipe()`."""
    return builders.write_data(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="session")
def images(data_folder: Path) -> Images:
    return builders.load(data_folder)
