"""Fit the quality gate's heads on the development data and print how they do on held-out films.

    .venv/bin/python bench/quality_heads.py [--data ../shared/data] [--cache FOLDER] [--write]

The embeddings (`bench/quality_pictures.py`; half an hour on two cores) are kept in the cache and
used again while encoder and pictures are the same. --write puts `heads.safetensors` and its pin
into studies/quality; without it nothing changes.
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radraft.bench.quality_pictures import Picture, pictures
from radraft.core.file_hash import file_sha256
from radraft.studies.key_images import from_picture
from radraft.studies.quality.content import features, whole
from radraft.vision_encoder.encode import Encoder

Floats = npt.NDArray[np.float32]
FOLDER = Path(__file__).resolve().parents[1] / "studies" / "quality"
WHOLE = {"content": ("frontal", "lateral", "slice", "other"), "turn": ("0", "90", "180", "270")}
"""Questions asked of the whole image's mean, with their classes."""
YES_NO = {"inverted": "whole", "mirrored": "quarters", "cut": "quarters"}
"""Questions of one class, and what they are asked of: sides need quarters."""
DIRECTIONS = 56
"""Of the subspace that films lie in: what keeps the file below 200 kB."""
L2 = 0.01
FAR = 99.5
"""Percentile of the distance of held-out training films that is called 1."""
BATCH = 64


@dataclass(frozen=True)
class Embedded:
    """All pictures without their pixels."""

    quarters: Floats = field(repr=False)
    source: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    change: npt.NDArray[np.str_]
    name: npt.NDArray[np.str_]
    answers: tuple[dict[str, str], ...] = field(repr=False)

    def said(self, question: str) -> npt.NDArray[np.str_]:
        """The answer to a question, empty where none is known."""
        return np.array([answer.get(question, "") for answer in self.answers])

    @property
    def films(self) -> npt.NDArray[np.bool_]:
        """Frontal films that nothing was done to, or nothing that matters."""
        plain = np.isin(self.change, ("none", "disturbed"))
        both: npt.NDArray[np.bool_] = plain & (self.said("content") == "frontal")
        return both


def main() -> None:
    """Embed, fit, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".radraft/quality"))
    parser.add_argument("--write", action="store_true", help="put the heads into the package")
    arguments = parser.parse_args()
    encoder = Encoder.load()
    known = embedded(arguments.data, arguments.cache, encoder)
    tensors = fitted(known)
    report(known, tensors)
    if arguments.write:
        write(tensors, encoder.encoder_id)


def embedded(data: Path, cache: Path, encoder: Encoder) -> Embedded:
    """From the cache, else computed."""
    path = cache / f"{encoder.encoder_id.replace('@', '-')}.npz"
    if not path.exists():
        _embed(data, path, encoder)
    with np.load(path) as file:
        meta = json.loads(str(file["meta"]))
        source, split, change, name = (np.array([row[at] for row in meta]) for at in (0, 1, 2, 4))
        answers = tuple(row[3] for row in meta)
        quarters = file["quad"].astype(np.float32)
        return Embedded(quarters, source, split, change, name, answers)


def _embed(data: Path, path: Path, encoder: Encoder) -> None:
    found: list[npt.NDArray[np.float16]] = []
    meta: list[tuple[object, ...]] = []
    batch: list[Picture] = []

    def flush() -> None:
        seen = encoder.encode(
            [from_picture(np.ascontiguousarray(picture.pixels)) for picture in batch]
        )
        found.append(features(np.stack([encoded.tokens for encoded in seen])).astype(np.float16))
        meta.extend((p.source, p.split, p.change, dict(p.answers), p.name) for p in batch)
        batch.clear()
        print(f"{len(meta)} pictures embedded", flush=True)

    for picture in pictures(data):
        batch.append(picture)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, quad=np.concatenate(found), meta=json.dumps(meta))


def fitted(known: Embedded) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors of `heads.safetensors`, in half precision."""
    train = known.split == "train"
    seen = {"whole": whole(known.quarters), "quarters": known.quarters}
    parts: dict[str, list[tuple[Floats, Floats]]] = {"whole": [], "quarters": []}
    for question, classes in WHOLE.items():
        said = known.said(question)
        rows = train & (said != "")
        answer = np.array([classes.index(word) for word in said[rows]])
        parts["whole"].append(_logistic(seen["whole"][rows], answer, len(classes)))
    for question, of in YES_NO.items():
        said = known.said(question)
        rows = train & (said != "")
        weight, bias = _logistic(seen[of][rows], (said[rows] == "yes").astype(int), 2)
        parts[of].append((weight[1:] - weight[:1], bias[1:] - bias[:1]))
    tensors = {
        f"{of}.{name}": np.concatenate([part[at] for part in found])
        for of, found in parts.items()
        for at, name in enumerate(("weight", "bias"))
    }
    tensors |= _subspace(seen["whole"], known)
    return {name: value.astype(np.float16) for name, value in tensors.items()}


def _logistic(x: Floats, y: npt.NDArray[np.int64], classes: int) -> tuple[Floats, Floats]:
    """Weights (classes, d) and biases of a regularised softmax regression, rare classes weighed up
    to eight times."""
    import torch

    mean, scale = x.mean(0), x.std(0) + 1e-3
    inputs, answers = torch.from_numpy((x - mean) / scale), torch.from_numpy(y)
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    rare = 1 / np.bincount(y, minlength=classes)
    weigh = torch.tensor(rare / rare.sum() * classes, dtype=torch.float32).clamp(max=8)
    solver = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logits = inputs @ weight.T + bias
        found = torch.nn.functional.cross_entropy(logits, answers, weight=weigh)
        found = found + L2 * (weight**2).sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    solver.step(loss)  # type: ignore[no-untyped-call]
    flat = (weight.detach().numpy() / scale).astype(np.float32)
    return flat, (bias.detach().numpy() - flat @ mean).astype(np.float32)


def _subspace(x: Floats, known: Embedded) -> dict[str, Floats]:
    """Mean, scale and main directions of films, and how far one may lie beside them. The distance
    is taken from a fifth of the films that the directions were not fitted on."""
    train = known.films & (known.split == "train")
    held = np.array([zlib.crc32(name.encode()) % 5 == 0 for name in known.name])
    mean, scale, basis = _directions(x[train & ~held])
    far = float(np.percentile(_beside(x[train & held], mean, scale, basis), FAR))
    mean, scale, basis = _directions(x[train])
    return {"mean": mean, "scale": scale, "basis": basis, "far": np.array([far], np.float32)}


def _directions(x: Floats) -> tuple[Floats, Floats, Floats]:
    mean, scale = x.mean(0), x.std(0) + 0.02
    basis = np.linalg.svd((x - mean) / scale, full_matrices=False)[2][:DIRECTIONS]
    return mean, scale, basis


def _beside(x: Floats, mean: Floats, scale: Floats, basis: Floats) -> Floats:
    spread = (x - mean) / scale
    beside = spread - spread @ basis.T @ basis
    distance: Floats = np.sqrt((beside**2).mean(axis=1))
    return distance


def write(tensors: dict[str, npt.NDArray[np.generic]], encoder_id: str) -> None:
    """`heads.safetensors` and what pins it."""
    from safetensors.numpy import save_file

    whole_ids = [
        f"{question}:{class_}" for question, classes in WHOLE.items() for class_ in classes
    ]
    ids = {
        of: [f"{question}:{question}" for question, where in YES_NO.items() if where == of]
        for of in ("whole", "quarters")
    }
    ids["whole"] = whole_ids + ids["whole"]
    path = FOLDER / "heads.safetensors"
    save_file(tensors, path, metadata={"heads": json.dumps(ids, sort_keys=True)})
    pin = f'# Written by bench/quality_heads.py --write.\nencoder_id: "{encoder_id}"\n'
    (FOLDER / "heads.yaml").write_text(f'{pin}sha256: "{file_sha256(path)}"\n', encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {file_sha256(path)}")


def report(known: Embedded, tensors: dict[str, npt.NDArray[np.generic]]) -> None:
    """Accuracy on the test split by question and set, the confusion of contents, and distances."""
    from radraft.bench.quality_report import print_report

    print_report(known, {name: value.astype(np.float32) for name, value in tensors.items()})


if __name__ == "__main__":
    main()
