"""False alarms and misses of the quality gate, and its time per image.

    .venv/bin/python bench/quality_figures.py [--data ../shared/data] [--each 100]
        [--pictures FILE...] [--show FOLDER] [--time] [--measures]

Every film walks the product's own `check` and `judge` as a CR CHEST PA with a good header, with the
trained encoder and by rules alone. False alarms: test films as they are. Misses: the same films
with one thing wrong. Then whatever is no chest film, filed as one: slices, the files of pydicom and
of the data folder, and any --pictures. --show writes a sheet of images for each verdict. --time
prints only the time per image, --measures only what is measured on the films as they are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from radraft.bench.quality_pictures import SIDES, damaged, gray, random_for, table
from radraft.pipeline.encoders import StoredFeatures
from radraft.store.objects import Objects
from radraft.studies.decode import Decoder
from radraft.studies.key_images import from_picture
from radraft.studies.quality.check import check
from radraft.studies.quality.judge import judge
from radraft.studies.quality.measure import measure
from radraft.studies.quality.values import StudyQuality, Verdict
from radraft.studies.read import read
from radraft.studies.values import Instance, KeyImages, Patient, Study, Technique
from radraft.vision_encoder.encode import Encoder

Pixels = npt.NDArray[np.uint8]
SETS = ("cxr_nih14", "cxr_kermany", "cxr_tb_covid", "demo_cxr")
_HEADER = Study(
    study_uid="1.2",
    accession="",
    patient=Patient("1", "", None, "F"),
    modality="CR",
    body_part="CHEST",
    study_time=None,
    description="",
    history="",
    age_years=50,
    instances=(
        Instance(
            sop_instance_uid="1.2.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
            series_uid="1.2.4",
            series_number=1,
            instance_number=1,
            path=Path("image.dcm"),
            frames=1,
            rows=1,
            columns=1,
            view_position="PA",
            transfer_syntax="1.2.840.10008.1.2.1",
            technique=Technique(modality="CR", pixel_spacing=(0.15, 0.15)),
        ),
    ),
)


class Gate:
    """The gate as the line has it."""

    def __init__(self, folder: Path) -> None:
        self.encoder = Encoder.load()
        self._extractor = StoredFeatures(self.encoder, Objects.open("", folder))
        self.sheets: dict[Verdict, list[tuple[str, Pixels, StudyQuality]]] = {}

    def __call__(self, pixels: Pixels, name: str = "", *, rules: bool = False) -> StudyQuality:
        """The verdict on one picture that is filed as a chest film."""
        images = KeyImages("c-0", (from_picture(np.ascontiguousarray(pixels)),))
        found = judge(check(_HEADER), images, None if rules else self._extractor)
        if not rules:
            self.sheets.setdefault(found.verdict, []).append((name, pixels, found))
        return found


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=100, help="films of each set")
    parser.add_argument("--pictures", type=Path, nargs="*", default=[])
    parser.add_argument("--show", type=Path)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--measures", action="store_true")
    arguments = parser.parse_args()
    if arguments.measures:
        _measures(dict(_films(arguments.data, arguments.each)))
        return
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(folder))
        if not arguments.time:
            films = dict(_films(arguments.data, arguments.each))
            _false_alarms(gate, films)
            _misses(gate, films, arguments.each // 2)
            _others(gate, arguments.data, arguments.pictures)
        if arguments.show:
            _show(gate, arguments.show)
        _time(gate)


def _films(data: Path, each: int) -> Iterator[tuple[str, list[tuple[str, Pixels]]]]:
    for source in SETS:
        if source == "demo_cxr":
            paths = sorted((data / source / "images").iterdir())[:each]
        else:
            rows = [row for row in table(data, source) if row["split"] == "test"][:each]
            paths = [data / source / row["file"] for row in rows]
        yield source, [(path.name, gray(path)) for path in paths]


def _measures(films: Mapping[str, list[tuple[str, Pixels]]]) -> None:
    found = [
        asdict(measure(pixels, pixels.astype(np.int16), (128.0, 256.0)))
        for known in films.values()
        for _, pixels in known
    ]
    print(f"{len(found)} test films as they are: lowest, 1%, 50%, 99%, highest")
    for name in found[0]:
        at = np.percentile([measured[name] for measured in found], (0, 1, 50, 99, 100))
        print(f"  {name:10}", *(f"{value:8.3f}" for value in at))


def _line(name: str, found: list[StudyQuality]) -> None:
    verdicts = Counter(judged.verdict for judged in found)
    codes = Counter(reason.code for judged in found for reason in judged.reasons)
    shares = "  ".join(
        f"{verdict.value} {verdicts[verdict] / len(found):.3f}" for verdict in Verdict
    )
    said = ", ".join(f"{code.removeprefix('quality_')} {n}" for code, n in codes.most_common(4))
    print(f"  {name:24} {len(found):4}  {shares}  {said}", flush=True)


def _false_alarms(gate: Gate, films: Mapping[str, list[tuple[str, Pixels]]]) -> None:
    for rules in (False, True):
        print(f"\nTest films as they are, {'by rules alone' if rules else 'with the encoder'}")
        for source, known in films.items():
            _line(source, [gate(pixels, name, rules=rules) for name, pixels in known])


def _misses(gate: Gate, films: Mapping[str, list[tuple[str, Pixels]]], count: int) -> None:
    known = [film for source in SETS[:3] for film in films[source][: -(-count // 3)]]
    print("\nTest films with one thing wrong, with the encoder")
    kinds = ["90", "180", "270", "mirrored", "inverted", *(f"cut-{side}" for side in SIDES)]
    for kind in kinds:
        changed = [damaged(pixels, kind, random_for(kind + name))[0] for name, pixels in known]
        _line(kind, [gate(film, kind) for film in changed])
    for kind, change in CHANGES.items():
        _line(kind, [gate(change(pixels), kind) for _, pixels in known])


def _blurred(share: float) -> Callable[[Pixels], Pixels]:
    return lambda film: np.asarray(
        Image.fromarray(film).filter(ImageFilter.GaussianBlur(share * max(film.shape)))
    )


def _noisy(part: float) -> Callable[[Pixels], Pixels]:
    def noise(film: Pixels) -> Pixels:
        grain = np.random.default_rng(film.size).normal(0, part * 255, film.shape)
        made: Pixels = np.rint((film + grain).clip(0, 255)).astype(np.uint8)
        return made

    return noise


def _levels(scale: float, shift: float) -> Callable[[Pixels], Pixels]:
    def change(film: Pixels) -> Pixels:
        made: Pixels = np.rint((film * scale + shift).clip(0, 255)).astype(np.uint8)
        return made

    return change


CHANGES: Mapping[str, Callable[[Pixels], Pixels]] = {
    "window too dark": _levels(2.2, -220),
    "window too bright": _levels(1.8, 20),
    "contrast x 0.2": _levels(0.2, 90),
    "16 grays": lambda film: film // np.uint8(16) * np.uint8(16),
    "noise 5%": _noisy(0.05),
    "noise 15%": _noisy(0.15),
    "blur 0.6% of the side": _blurred(0.006),
    "blur 1.2% of the side": _blurred(0.012),
    "100 pixels": lambda film: np.asarray(
        Image.fromarray(film).resize((100, 100), Image.Resampling.BOX)
    ),
}


def _others(gate: Gate, data: Path, pictures: list[Path]) -> None:
    print("\nNo chest films, filed as CR CHEST, with the encoder (test split of slices)")
    slices: dict[str, list[StudyQuality]] = {}
    for number, row in enumerate(table(data, "not_chest_xray")):
        if number % 4 == 0:
            pixels = gray(data / "not_chest_xray" / row["file"])
            slices.setdefault(row["kind"], []).append(gate(pixels, row["kind"]))
    for kind, several in slices.items():
        _line(kind, several)
    for path in pictures:
        found = gate(gray(path), path.name)
        print(f"  {path.name:40} {found.verdict.value:7}", *_said(found))
    print("\nDICOM files of the data folder, each first frame, filed as CR CHEST")
    for name, pixels in _decoded(data / "dicom"):
        found = gate(pixels, name)
        print(f"  {name:40} {found.verdict.value:7}", *_said(found), flush=True)


def _said(found: StudyQuality) -> list[str]:
    return [
        f"{reason.code.removeprefix('quality_')}={reason.value:.2f}" for reason in found.reasons
    ]


def _decoded(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """First frames, a few of each modality and each picture once."""
    from radraft.core.errors import StudyRejected

    seen: set[bytes] = set()
    most = Counter[str]()
    with tempfile.TemporaryDirectory() as work, Decoder() as decoder:
        for study in read(folder, Path(work)).studies:
            for instance in study.instances:
                kind = instance.technique.modality or study.modality
                if most[kind] >= 8 or min(instance.rows, instance.columns) < 60:
                    continue
                try:
                    pixels = decoder.frame(instance.path, 0).pixels
                except StudyRejected:
                    continue
                if (key := pixels[::7, ::7].tobytes()) not in seen:
                    seen.add(key)
                    most[kind] += 1
                    yield f"{kind} {instance.technique.body_part} {instance.path.name}"[:40], pixels


def _show(gate: Gate, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for verdict, members in gate.sheets.items():
        sheet = Image.new("L", (8 * 200, 5 * 225), 40)
        draw = ImageDraw.Draw(sheet)
        step = max(1, len(members) // 40)
        for place, (name, pixels, found) in enumerate(members[::step][:40]):
            image = Image.fromarray(np.ascontiguousarray(pixels))
            image.thumbnail((196, 196))
            x, y = place % 8 * 200, place // 8 * 225
            sheet.paste(image, (x, y))
            worst = found.reasons[0].code.removeprefix("quality_") if found.reasons else ""
            draw.text((x, y + 198), f"{worst}\n{name[:30]}", fill=255)
        sheet.save(folder / f"{verdict.value}.png")


def _time(gate: Gate) -> None:
    """Milliseconds per image of 2048 x 2048 on one core, median of 15."""
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (2048, 2048)).astype(np.uint8)
    image = from_picture(pixels)
    images = KeyImages("c-0", (image,))
    extractor = gate._extractor
    extractor.extract(images)
    steps: dict[str, Callable[[], object]] = {
        "measure": lambda: measure(image.pixels, image.values, image.window),
        "check + measure + judge, rules alone": lambda: judge(check(_HEADER), images),
        "the same, embedding stored before": lambda: judge(check(_HEADER), images, extractor),
        "embedding alone": lambda: gate.encoder.encode([replace(image)]),
    }
    print("\nMilliseconds per image of 2048 x 2048, median of 15 (wall clock; processor)")
    for name, step in steps.items():
        wall, used = [], []
        for _ in range(15):
            start, begun = time.perf_counter(), time.process_time()
            step()
            wall.append(time.perf_counter() - start)
            used.append(time.process_time() - begun)
        print(f"  {name:40} {1000 * np.median(wall):6.1f} {1000 * np.median(used):6.1f}")


if __name__ == "__main__":
    main()
