"""Past studies of two made-up sites: real films, and reports that say what each film's own labels
say, in the wording of the site.

Adults' films are ChestX-ray14's: the fourteen mined labels, an opacity where radiologists read one,
and the side of what radiologists drew boxes around on one side only. Children's films: pneumonia or
none. A site's wording is the rehearsal's (`bench/rehearsal/houses.py`); each section has all its
sentences in Chinese, then all in English.

Films of the sets' `train` and `valid` splits train. Patients who are held out, by the rule of the
store that takes them in, have films of `valid` and `test` alone: neither the starter's encoder nor
its language model was fitted to those. Patient numbers are made up, and drawn until that is so.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from radraft.bench.rehearsal import houses, mine
from radraft.bench.rehearsal.films import MOST_OF_ONE, reference
from radraft.bench.rehearsal.houses import Both, House
from radraft.bench.rehearsal.values import Group, Statement, Truth
from radraft.bench.starter_card.material import CARDS, Source
from radraft.eval.card_file import card_file
from radraft.reports.training_pair import split_of
from radraft.reports.values import Laterality
from radraft.studies.wrap import Picture, wrap
from tests import archive_corpus as corpus
from tests.archive_corpus import PastStudy, Record, csv_bytes

SITES: Mapping[str, str] = {"east": "terse", "west": "narrative"}
"""Site -> its wording."""
ADULTS = 0.6
"""Share of the films."""
HELD_OUT = 0.12
"""Share of the studies whose patients are held out."""
LABELS: Mapping[str, str] = card_file(CARDS[Source.NIH14][0]).present
"""Column of ChestX-ray14's table -> finding code."""
BOXED: Mapping[str, str] = {**LABELS, "Infiltrate": "infiltrate"}
OPACITY = "lung_opacity"
BOTH_SEEN = frozenset({"61", "75", "150", "165", "193"})
"""Patients of whom films were once in two splits: they train, if at all."""
FIRST = datetime(2015, 1, 5, 8)
CHILD_AGE = 3


@dataclass(frozen=True)
class PastFilm:
    """A film, whose it is, and what its labels say."""

    picture: Path = field(repr=False)
    group: Group
    patient: str
    """As the set names him."""
    split: str
    sex: str
    age: int
    view: str
    truth: Truth = field(repr=False)


@dataclass(frozen=True)
class SiteFilm:
    """A film at a site."""

    film: PastFilm
    site: str
    held_out: bool


def plan(data: Path, count: int, seed: int, *, adults: float = ADULTS) -> tuple[SiteFilm, ...]:
    """Return `count` films, as many at each site, a share of them `adults`'; a patient belongs to
    one site and one share. ValueError where the data folder has too few."""
    each = count // len(SITES)
    held = round(each * HELD_OUT)
    found: list[SiteFilm] = []
    gone: set[tuple[Group, str]] = set()
    for group, films in _films(data).items():
        share = adults if group is Group.ADULT else 1 - adults
        order = sorted({film.patient for film in films})
        random.Random(f"{seed}:{group.value}").shuffle(order)
        for held_out, wanted in ((True, held), (False, each - held)):
            splits = ("valid", "test") if held_out else ("train", "valid")
            for site in SITES:
                need = round(wanted * share)
                for patient in order:
                    if need <= 0 or (held_out and patient in BOTH_SEEN):
                        continue
                    own = [film for film in films if film.patient == patient]
                    if (group, patient) in gone or any(film.split not in splits for film in own):
                        continue
                    gone.add((group, patient))
                    taken = own[: min(need, MOST_OF_ONE)]
                    found += [SiteFilm(film, site, held_out) for film in taken]
                    need -= len(taken)
                if need > 0:
                    raise ValueError(f"{need} {group.value} films too few for {site}")
    return tuple(found)


def write(
    films: Sequence[SiteFilm], data: Path, secret: bytes, folder: Path
) -> dict[str, list[PastStudy]]:
    """Write each site's films as DICOM files and its reports as a table with its mapping, into
    `folder/SITE`; return the studies by site. A site's secret decides whom it holds out."""
    worded = site_houses(data)
    numbers: dict[tuple[Group, str], int] = {}
    made: dict[str, list[PastStudy]] = {site: [] for site in SITES}
    for number, chosen in enumerate(films):
        film = chosen.film
        who = numbers.setdefault((film.group, film.patient), len(numbers))
        study = _study(number, who, chosen, worded[chosen.site], secret)
        made[chosen.site].append(study)
        _dicom(study, film, folder / chosen.site / "dicom" / f"{number:06d}.dcm")
    for site, studies in made.items():
        table = csv_bytes([Record(study) for study in studies])
        (folder / site / "past.csv").write_bytes(table)
        (folder / site / "mapping.yaml").write_text(corpus.MAPPING, encoding="utf-8")
    return made


def site_houses(data: Path) -> dict[str, House]:
    """Return the wording of each site. An impression is a sentence: the rehearsal's terse house
    numbers it under a heading of its own, and what is read as a report's text has neither."""
    built = houses.build(mine.mine(data))
    found = {site: built[name] for site, name in SITES.items()}
    habits = found["east"].habits
    concluding = habits.concluding.model_copy(
        update={
            "item": Both(zh="{name}", en="{name}"),
            "between": Both(zh="、", en=", "),
            "last": Both(zh="、", en=", "),
            "present": Both(zh="{names}。", en="There is {names}."),
            "absent": Both(zh="未见{names}。", en="No {names}."),
        }
    )
    changed = habits.model_copy(update={"concluding": concluding})
    return found | {"east": replace(found["east"], habits=changed)}


def _films(data: Path) -> dict[Group, list[PastFilm]]:
    read = _readings(data / "nih_radiologist_labels" / "labels.csv")
    adults = [
        _film(data / "cxr_nih14", row, Group.ADULT, _adult(row, read.get(row["file"], {})))
        for row in _rows(data / "cxr_nih14" / "labels.csv")
    ]
    children = [
        _film(data / "cxr_kermany", row, Group.CHILD, _child(row))
        for row in _rows(data / "cxr_kermany" / "labels.csv")
    ]
    return {Group.ADULT: adults, Group.CHILD: children}


def _film(folder: Path, row: Mapping[str, str], group: Group, truth: Truth) -> PastFilm:
    age = row.get("age", "")
    return PastFilm(
        picture=folder / row["file"],
        group=group,
        patient=row["patient"],
        split=row["split"],
        sex=row.get("sex") or "M",
        age=int(age) if age.isdigit() and int(age) < 100 else CHILD_AGE,
        view=row["view"],
        truth=truth,
    )


def _adult(row: Mapping[str, str], read: Mapping[str, str]) -> Truth:
    present = {code for label, code in LABELS.items() if row[label] == "1"}
    sides: dict[str, set[str]] = {}
    if read.get("rsna_class") == "Lung Opacity":
        present.add(OPACITY)
        for place in read["opacity_sides"].split("|"):
            sides.setdefault(OPACITY, set()).add(place.split()[0])
    for place in filter(None, read.get("nih_box_sides", "").split("|")):
        name, side, *_ = place.split()
        sides.setdefault(BOXED.get(name, ""), set()).add(side)
    one_sided = {
        code: Laterality(next(iter(named)))
        for code, named in sides.items()
        if code in present & mine.SIDED and len(named) == 1
    }
    return Truth(Group.ADULT, frozenset(present), one_sided)


def _child(row: Mapping[str, str]) -> Truth:
    ill = row["finding"] != "normal"
    return Truth(Group.CHILD, frozenset({"pneumonia"} if ill else ()), {})


def _readings(path: Path) -> dict[str, dict[str, str]]:
    return {row["file"]: row for row in _rows(path) if row["set"] == "cxr_nih14"}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def _study(number: int, who: int, chosen: SiteFilm, house: House, secret: bytes) -> PastStudy:
    text, film = house.text(chosen.film.truth), chosen.film
    taken = FIRST + timedelta(days=number)
    return PastStudy(
        number=number,
        study_uid=f"1.2.826.0.1.997.{number}",
        accession=f"ACC{300000 + number}",
        patient_number=_number(who, secret, held_out=chosen.held_out),
        # No two patients alike, or they might be found to be one person.
        name=corpus.SURNAMES[who % len(corpus.SURNAMES)] + corpus.GIVEN[who % len(corpus.GIVEN)],
        sex="男" if film.sex == "M" else "女",
        born=date(FIRST.year - film.age, 1, 1) - timedelta(days=who % 364),
        taken=taken,
        findings=_section(text.findings),
        impression=_section(text.impression),
        author=corpus.READERS[0],
        reviewer="",
        reported_at=taken + timedelta(hours=2),
    )


def _section(said: Sequence[Statement]) -> str:
    chinese = "".join(statement.zh for statement in said)
    return chinese + "\n" + " ".join(_worded(statement.en) for statement in said)


def _worded(sentence: str) -> str:
    # One Latin word alone is no English: Chinese reports have such too ("COPD.").
    return sentence if " " in sentence else f"{sentence.removesuffix('.')} seen."


def _number(who: int, secret: bytes, *, held_out: bool) -> str:
    """Return a patient number whose owner that store holds out, or does not."""
    salt = 0
    while True:
        number = f"PLN{who:05d}{salt:03d}"
        if (split_of(reference(number, secret)) == "held_out") is held_out:
            return number
        salt += 1


def _dicom(study: PastStudy, film: PastFilm, target: Path) -> None:
    from pydicom import dcmread

    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_suffix(".part")
    wrap(film.picture, staged, Picture(study.study_uid, study.patient_number, film.view))
    dataset = dcmread(staged)
    dataset.SpecificCharacterSet = "GB18030"
    dataset.StudyInstanceUID, dataset.AccessionNumber = study.study_uid, study.accession
    dataset.PatientName = study.name
    dataset.PatientBirthDate, dataset.PatientSex = f"{study.born:%Y%m%d}", film.sex
    dataset.StudyDate, dataset.StudyTime = f"{study.taken:%Y%m%d}", f"{study.taken:%H%M%S}"
    dataset.save_as(staged)
    staged.rename(target)
