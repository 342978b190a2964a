"""What the encoder's embedding says of a film that is filed as a chest: linear heads.

The heads belong to the encoder whose embeddings they were fitted on; nothing is asked of another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from radraft.core.errors import EncodingError
from radraft.core.file_hash import file_sha256
from radraft.core.yaml_files import Strict
from radraft.studies.features import Floats

_FOLDER = Path(__file__).resolve().parent
_QUARTERS = 2
"""Quarters of the image along each side that the tokens are averaged in: what is above and what
below decides which way up a film is."""


def features(tokens: Floats) -> Floats:
    """(images, n, width) patch tokens of a square image, row by row -> (images, 4 x width): their
    means over its quarters, from the top left."""
    count, n, width = tokens.shape
    side = round(n**0.5)
    half = side // _QUARTERS
    grid = tokens.reshape(count, _QUARTERS, half, _QUARTERS, half, width)
    quarters: Floats = grid.mean(axis=(2, 4)).reshape(count, -1).astype(np.float32)
    return quarters


def whole(quarters: Floats) -> Floats:
    """(images, 4 x width) -> (images, width): the means over the whole image."""
    mean: Floats = quarters.reshape(len(quarters), _QUARTERS**2, -1).mean(axis=1)
    return mean


def beside(means: Floats, tensors: Mapping[str, Floats]) -> Floats:
    """(images, width) -> (images,): how far each lies beside the subspace of films, as the root
    mean square of what their main directions leave of it."""
    spread = (means - tensors["mean"]) / tensors["scale"]
    left = spread - spread @ tensors["basis"].T @ tensors["basis"]
    distance: Floats = np.sqrt((left**2).mean(axis=1))
    return distance


@dataclass(frozen=True)
class ContentHeads:
    """The shipped heads."""

    encoder_id: str
    sha256: str
    ids: Mapping[str, tuple[str, ...]]
    """`whole` and `quarters` -> `question:class` of each row of their weights. A question's classes
    exclude each other; one class alone is a yes or no."""
    tensors: Mapping[str, Floats] = field(repr=False)
    """`whole.weight` (heads, width), `quarters.weight` (heads, 4 x width), their `bias` (heads,),
    and of the subspace of films `mean` and `scale` (width,), `basis` (directions, width), `far`."""

    def scores(self, quarters: Floats) -> tuple[Mapping[str, float], ...]:
        """(images, 4 x width) -> of each image: class -> 0 to 1, and `strangeness` with 1 for what
        one film in 200 is beyond. EncodingError `heads_width`."""
        tensors = self.tensors
        if quarters.shape[1] != tensors["quarters.weight"].shape[1]:
            expected = tensors["quarters.weight"].shape[1]
            raise EncodingError("heads_width", expected=expected, got=quarters.shape[1])
        means = whole(quarters)
        far = beside(means, tensors) / tensors["far"][0]
        given = {
            of: vectors @ tensors[f"{of}.weight"].T + tensors[f"{of}.bias"]
            for of, vectors in (("whole", means), ("quarters", quarters))
        }
        found = []
        for at in range(len(quarters)):
            scores = {"strangeness": float(far[at])}
            for of, ids in self.ids.items():
                scores |= _chances(ids, given[of][at])
            found.append(scores)
        return tuple(found)


def _chances(ids: Sequence[str], logits: Floats) -> dict[str, float]:
    """Class -> 0 to 1, softmax within each question."""
    questions = [name.split(":")[0] for name in ids]
    found: dict[str, float] = {}
    for question in dict.fromkeys(questions):
        places = [at for at, name in enumerate(questions) if name == question]
        given = logits[places].astype(np.float64)
        # The other answer to a yes or no has the logit nought.
        both = np.append(given, 0.0) if len(places) == 1 else given
        chances = np.exp(both - both.max())
        chances /= chances.sum()
        for at, chance in zip(places, chances, strict=False):
            found[ids[at].split(":")[1]] = float(chance)
    return found


class _Pin(Strict):
    encoder_id: str
    sha256: str


@cache
def shipped() -> ContentHeads:
    """Return the heads in the package. EncodingError `quality_heads_changed` where the file is not
    the one that `heads.yaml` names."""
    from safetensors import safe_open

    text = files("radraft.studies.quality").joinpath("heads.yaml").read_text(encoding="utf-8")
    pin = _Pin.from_yaml(text)
    path = _FOLDER / "heads.safetensors"
    if not path.is_file() or file_sha256(path) != pin.sha256:
        raise EncodingError("quality_heads_changed")
    with safe_open(path, "numpy") as file:
        ids = json.loads(file.metadata()["heads"])
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    known = {of: tuple(names) for of, names in ids.items()}
    return ContentHeads(pin.encoder_id, pin.sha256, known, tensors)
