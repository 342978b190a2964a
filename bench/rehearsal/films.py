"""Which films are signed when, at which site, and which are never signed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from radraft.bench.rehearsal.values import Film, Group, Part, Sizes
from radraft.core.errors import TrainingError
from radraft.eval.card_file import card_file, table_rows
from radraft.eval.sets import load_set
from radraft.eval.values import SetItem
from radraft.finetune.starter.teacher import FINDINGS
from radraft.reports.training_pair import split_of
from radraft.reports.values import Certainty
from radraft.studies.deidentify import deidentify
from radraft.studies.values import CheckedStudy, Patient, Study

CARDS: Mapping[Group, str] = {
    Group.CHILD: "cxr_kermany",
    Group.ADULT: str(files("radraft.bench.starter_card").joinpath("nih14.yaml")),
}
SPLITS = ("valid", "test")
"""The starter was trained on the films of neither."""
ADULTS = 1 / 2
"""Share of adults' films wherever there are enough of them."""
MOST_OF_ONE = 3
"""Most films of one patient: a few have dozens."""
ALL = 1_000_000


@dataclass(frozen=True)
class _Known:
    """A film before it has a site."""

    item: SetItem
    picture: Path
    group: Group
    patient: str
    split: str
    held_out: bool
    """Whether the product holds the patient out of training."""


def plan(
    data: Path, cache: Path, secret: bytes, sites: Sequence[str], sizes: Sizes, seed: int
) -> tuple[Film, ...]:
    """The rehearsal's films: as many at every site, children and adults in the same shares.

    A patient belongs to one site and one part. The final figures are of films of the `test` splits;
    what is signed in the rounds is of the `valid` splits and of who is left of `test`. What is
    frozen is the product's own choice among the patients of both, made by `secret`, its store's.
    EvalError as `load_set`; TrainingError `rehearsal_films_missing` where the sets hold too few.
    """
    known = [film for group in Group for film in _known(data, cache, group, secret)]
    wanted = {
        Part.FROZEN: sizes.frozen,
        Part.FINAL: sizes.final,
        Part.TRAIN: sizes.rounds * sizes.cases,
    }
    found: list[Film] = []
    for part, count in wanted.items():
        gone = {(film.group, film.patient) for film in found}
        own = [film for film in known if _may(film, part, gone)]
        adults = _shared(own, Group.ADULT, sites, round(count * ADULTS), seed)
        # Each site has as many as the other; children take the places of adults that are missing.
        fewest = min(len(of_site) for of_site in adults.values())
        children = _shared(own, Group.CHILD, sites, count - fewest, seed)
        for site in sites:
            chosen = adults[site][:fewest] + children[site]
            if len(chosen) < count:
                raise TrainingError(
                    "rehearsal_films_missing", part=part.value, wanted=count, there=len(chosen)
                )
            found += _placed(chosen, site, part, sizes)
    return tuple(found)


def _placed(chosen: Sequence[_Known], site: str, part: Part, sizes: Sizes) -> list[Film]:
    films = [
        Film(picked.item, picked.picture, picked.group, picked.patient, site, part)
        for picked in chosen
    ]
    if part is not Part.TRAIN:
        return films
    # By turns, so that every round has its share of both groups and of each rare finding: what a
    # site's readers never named, its adapter forgets.
    often = Counter(code for film in films for code in film.present)
    ordered = sorted(films, key=lambda film: (film.group, _rarest(film, often)))
    return [replace(film, round=1 + place % sizes.rounds) for place, film in enumerate(ordered)]


def _rarest(film: Film, often: Mapping[str, int]) -> tuple[int, str]:
    return min(((often[code], code) for code in film.present), default=(ALL, ""))


def _may(film: _Known, part: Part, gone: Collection[tuple[Group, str]]) -> bool:
    """Whether the film may be for that part; `gone` are the patients that have one."""
    if film.held_out:
        return part is Part.FROZEN
    if part is Part.FINAL:
        return film.split == "test"
    return part is Part.TRAIN and (film.group, film.patient) not in gone


def _shared(
    films: Iterable[_Known], group: Group, sites: Sequence[str], count: int, seed: int
) -> dict[str, list[_Known]]:
    """At most `count` films for each site, whole patients by turns to the site with fewer films."""
    by_patient: dict[str, list[_Known]] = {}
    for film in films:
        if film.group is group:
            by_patient.setdefault(film.patient, []).append(film)
    order = sorted(by_patient)
    random.Random(f"{seed}:{group.value}").shuffle(order)
    found: dict[str, list[_Known]] = {site: [] for site in sites}
    for patient in order:
        site = min(sites, key=lambda one: len(found[one]))
        room = count - len(found[site])
        found[site] += by_patient[patient][: min(room, MOST_OF_ONE)]
    return found


def _known(data: Path, cache: Path, group: Group, secret: bytes) -> list[_Known]:
    card = card_file(CARDS[group])
    table = table_rows(card, data)
    folder = (data / (card.table or "")).parent
    found = []
    for split in SPLITS:
        for item in load_set(CARDS[group], data=data, cache=cache, split=split, limit=ALL).items:
            row = table[item.id]
            held_out = split_of(reference(f"{card.name}-{row['patient']}", secret)) == "held_out"
            labelled = replace(item, labels=_labels(item, group))
            picture = folder / row["file"]
            found.append(_Known(labelled, picture, group, row["patient"], split, held_out))
    return found


def _labels(item: SetItem, group: Group) -> dict[str, Certainty]:
    """Present or absent: a child's pneumonia, an adult's fourteen findings."""
    known = ("pneumonia",) if group is Group.CHILD else FINDINGS
    return {
        code: Certainty.PRESENT if item.labels.get(code) is Certainty.PRESENT else Certainty.ABSENT
        for code in known
    }


def reference(patient_id: str, secret: bytes) -> str:
    """What the store will know the patient by."""
    study = Study(
        study_uid="",
        accession="",
        patient=Patient(patient_id, "", None, ""),
        modality="CR",
        body_part="",
        study_time=None,
        description="",
        history="",
        age_years=None,
        instances=(),
    )
    return deidentify(CheckedStudy(study, ()), secret).patient_ref
