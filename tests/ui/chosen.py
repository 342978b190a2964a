"""Studies whose key images a reader can choose: files in the store, as the line leaves them."""

from __future__ import annotations

import shutil
from pathlib import Path

from radraft.store import cases, images
from radraft.store.database import Store
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.read import read
from radraft.studies.values import CheckedStudy
from tests.studies import builders

DEMO = Path(__file__).parents[2] / "demo" / "studies"


def take_in(store: Store, folder: Path, *, budget: int = 4, recorded: bool = True) -> str:
    """Take the one study in `folder` in; `recorded`: with its images one by one."""
    (study,) = read(folder, folder / "work").studies
    deid = deidentify(CheckedStudy(study, ()), store.secret)
    chosen = key_images(deid, budget=budget)
    keys = tuple(f"originals/{deid.case_id}/{n:04d}.dcm" for n in range(len(study.instances)))
    for key, instance in zip(keys, study.instances, strict=True):
        store.objects.put(key, instance.path.read_bytes())
    images.save(store.objects, chosen)
    with store.begin() as session:
        cases.add_study(session, site="test", study=study, deid=deid, issues=(), original_keys=keys)
        cases.add_key_images(session, chosen)
        if not recorded:
            from sqlalchemy import delete

            from radraft.store.tables import StudyInstanceRow

            session.execute(delete(StudyInstanceRow))
    return deid.case_id


def films(folder: Path, study: int = 70) -> Path:
    """A chest study of three films, each another view; two frontal, one without a name."""
    for number, view in enumerate(("PA", "", "LL"), 1):
        dataset = builders.radiograph(
            builders.gradient(top=1000 + 100 * number),
            number=study * 10 + number,
            ViewPosition=view,
            StudyInstanceUID=f"1.2.826.0.1.3680043.10.2.{study}",
        )
        builders.write(dataset, folder / f"{number}.dcm")
    return folder


def chest_ct(folder: Path, slices: int = 24) -> Path:
    """A chest CT with a scout, a thick and a thin series."""
    builders.series(
        folder, 1, 1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], orientation=builders.CORONAL
    )
    builders.series(folder, 2, slices, thickness=10)
    builders.series(folder, 3, slices, thickness=1.25, ConvolutionKernel="B70f")
    return folder


def copied(demo: str, folder: Path) -> Path:
    """One of the demonstration studies."""
    shutil.copytree(DEMO / demo, folder)
    return folder
