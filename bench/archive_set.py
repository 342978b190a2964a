"""What it costs to come from past reports to a trained model: import, set, embeddings, two steps.

Films of the data folder become past studies, and each film's own labels its report (Chinese for
three of four, English for the others; studies of one patient follow each other). Then the commands
of `docs/training.md` run, each in a process of its own: `archive import`, `archive export` with
every kind of example, `train embed` in two processes at once, `train language` for two steps. The
encoder and the language model are tiny and of random weights: what is measured is the way, and no
report that comes of it. Prints seconds, processor time, most memory and counts of each, and what
100,000 studies would take if each stage went on as it did.

    .venv/bin/python -m radraft.bench.archive_set --films ../shared/data/cxr_nih14 --count 300
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from radraft.studies.wrap import Picture, wrap
from tests import archive_corpus as corpus, embeds_model
from tests.archive_corpus import PastStudy, Record, csv_bytes

SITE = "site-a"
MANY = 100_000
WORDS = {
    "Atelectasis": ("肺不张", "atelectasis"),
    "Cardiomegaly": ("心影增大", "cardiomegaly"),
    "Effusion": ("胸腔积液", "pleural effusion"),
    "Mass": ("肺部肿块影", "a lung mass"),
    "Nodule": ("肺结节", "a lung nodule"),
    "Pneumonia": ("肺炎", "pneumonia"),
    "Pneumothorax": ("气胸", "pneumothorax"),
    "Consolidation": ("肺实变", "consolidation"),
    "Emphysema": ("肺气肿", "emphysema"),
    "Fibrosis": ("肺纤维化", "pulmonary fibrosis"),
    "Pleural_Thickening": ("胸膜增厚", "pleural thickening"),
}
PROMPT = """
id: own
version: 1
languages: [zh, en]
variables: [modality, view]
messages:
  - role: system
    parts: [{text: Write the report.}]
  - role: user
    parts:
      - prior: |-
          {{ prior.days }} days before: {{ prior.findings_zh or prior.findings_en }}
          {{ prior.impression_zh or prior.impression_en }}
      - images: all
      - text: "{{ modality }} {{ view }}"
"""
RECIPE = """
language:
  steps: 2
  batch: 4
  micro_batch: 4
  valid_every: 2
  valid_pairs: 8
  longest: 2048
  precision: fp32
"""


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    processor: float
    """Seconds of processor time: on a busy machine the others say little."""
    peak: int
    """Most resident memory, in MiB."""
    said: dict[str, Any]


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--films", type=Path, default=Path("../shared/data/cxr_nih14"))
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--reports", type=int, nargs="*", help="the set alone, of so many reports")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in chosen.reports or ():
            set_alone(count, Path(folder) / str(count))
        if not chosen.reports:
            measured(chosen.films, chosen.count, Path(folder))


def set_alone(count: int, folder: Path) -> None:
    """Print what writing a set takes of so many made-up studies, each with an image of its own of
    which no embedding is stored: between two counts, what a study adds."""
    from radraft.core.settings import Settings
    from radraft.store.database import open_store
    from tests.finetune.archive_world import add

    folder.mkdir()
    store = open_store(Settings(data_dir=folder / "data"))
    for number in range(count):
        words = f"右肺见结节影，大小约{number % 97}mm×{number // 97}mm。未见胸腔积液。"
        add(store, number, findings=words, who=number % 81)
    store.close()
    kinds = ("--kinds", "image,impression")
    costs = run(folder, ("archive", "export", folder / "set.jsonl", *kinds))
    tell(f"the set alone, {count} reports", costs, count)


def measured(films: Path, count: int, folder: Path) -> dict[str, Any]:
    """Print what each stage takes for `count` studies; return what each command said."""
    studies = written(films, count, folder)
    profile = model(folder / "model")
    recipe = recipe_of(folder / "recipe.yaml")
    costs: dict[str, Sequence[Cost]] = {}
    print(f"{len(studies)} studies of {len({study.patient_number for study in studies})} patients")
    source, mapping, out = folder / "past.csv", folder / "mapping.yaml", folder / "set.jsonl"
    taken = ("--mapping", mapping, "--dicom", folder / "dicom")
    kinds = ("--kinds", "image,impression,translation,prior", "--pixels")
    embedded, chosen = folder / "embedded", ("--profile", profile)
    embed = ("train", "embed", "--pairs", out, "--out", embedded, *chosen)
    language = ("train", "language", "--pairs", embedded, "--out", folder / "run", *chosen)
    stages: dict[str, tuple[Sequence[str | Path], ...]] = {
        "archive import": (("archive", "import", source, *taken),),
        "archive export": (("archive", "export", out, *kinds, *chosen),),
        "train embed, two processes": (embed, embed),
        "train language, 2 steps": ((*language, "--recipe", recipe, "--steps", "2"),),
    }
    for name, commands in stages.items():
        costs[name] = run(folder, *commands)
        tell(name, costs[name], len(studies))
    return {name: [cost.said for cost in some] for name, some in costs.items()}


def tell(name: str, costs: Sequence[Cost], studies: int) -> None:
    """Print what a stage took and said."""
    seconds = max(cost.seconds for cost in costs)
    processor = sum(cost.processor for cost in costs)
    peak = max(cost.peak for cost in costs)
    print(f"{name}: {seconds:.1f} s, {processor:.1f} s of the processor, {peak} MiB")
    if "language" not in name:
        hours = processor / studies * MANY / 3600
        print(f"  extrapolated, not measured, its start counted in: {MANY} studies, {hours:.1f} h "
              "of one core")  # fmt: skip
    for cost in costs:
        print(f"  {json.dumps(cost.said, ensure_ascii=False)}", flush=True)


def written(films: Path, count: int, folder: Path) -> list[PastStudy]:
    """Write films as DICOM files of past studies, their reports as a table, and its mapping."""
    with (films / "labels.csv").open(encoding="utf-8") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: (row["patient"], row["file"]))
    studies = []
    for number, row in enumerate(rows[:count]):
        study = past_study(number, row)
        studies.append(study)
        _film(study, films / row["file"], folder / "dicom" / f"{number:06d}.dcm", row)
    (folder / "past.csv").write_bytes(csv_bytes([Record(study) for study in studies]))
    (folder / "mapping.yaml").write_text(corpus.MAPPING, encoding="utf-8")
    return studies


def past_study(number: int, row: dict[str, str]) -> PastStudy:
    """Return a study whose report says what its film's labels say."""
    there = [words for label, words in WORDS.items() if row[label] == "1"]
    denied = [words for label, words in WORDS.items() if row[label] == "0"][:2]
    zh = number % 4 != 0
    if zh:
        findings = "".join(f"可见{name}。" for name, _ in there)
        findings += f"未见{denied[0][0]}。未见{denied[1][0]}。"
        impression = "\n".join(f"{place}. {name}。" for place, (name, _) in enumerate(there, 1))
    else:
        findings = " ".join(f"There is {name}." for _, name in there)
        findings += f" No {denied[0][1].removeprefix('a ')}. No {denied[1][1].removeprefix('a ')}."
        impression = " ".join(f"{name.removeprefix('a ').capitalize()}." for _, name in there)
    taken = datetime(2016, 1, 4, 8) + timedelta(days=number)
    patient = int(row["patient"])
    return PastStudy(
        number=number,
        study_uid=f"1.2.826.0.1.998.{number}",
        accession=f"ACC{200000 + number}",
        patient_number=f"PLN{patient}",
        name=corpus.SURNAMES[patient % len(corpus.SURNAMES)] + corpus.GIVEN[patient % 16],
        sex="男" if row["sex"] == "M" else "女",
        born=date(1940 + patient % 50, 1 + patient % 12, 2 + patient % 26),
        taken=taken,
        findings=findings.strip(),
        impression=impression or ("未见明显异常。" if zh else "No acute abnormality."),
        author=corpus.READERS[0],
        reviewer="",
        reported_at=taken + timedelta(hours=2),
    )


def model(folder: Path) -> Path:
    """Write a tiny encoder and language model of random weights, with a prompt that has a place for
    an earlier report; return the profile's file."""
    path = embeds_model.build_all(folder)
    (folder / "prompt.yaml").write_text(PROMPT, encoding="utf-8")
    text = path.read_text("utf-8").replace("context_tokens: 1024", "context_tokens: 2048")
    path.write_text(text, encoding="utf-8")
    return path


def recipe_of(path: Path) -> Path:
    """Write the starter's recipe with a `language` of two steps."""
    from radraft.finetune import recipe

    ready = Path(recipe.__file__).parent / "recipes" / "starter.yaml"
    before = ready.read_text("utf-8").split("language:\n")[0]
    path.write_text(before + RECIPE, encoding="utf-8")
    return path


def run(
    folder: Path,
    *commands: Sequence[str | Path],
    site: str = SITE,
    cache: Path | None = None,
    fine: Collection[int] = (0,),
) -> list[Cost]:
    """Run commands at once, each in a process of its own, on the store in `folder/data`; `cache`
    in place of `folder/cache`. RuntimeError where one ends with another status than `fine`."""
    found: list[Cost] = []
    environment = {
        **os.environ,
        "RADRAFT_DATA_DIR": str(folder / "data"),
        "RADRAFT_CACHE_DIR": str(cache or folder / "cache"),
        "RADRAFT_SITE": site,
    }
    threads = [
        threading.Thread(target=lambda asked=asked: found.append(_run(environment, asked, fine)))
        for asked in commands
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) < len(commands):
        raise RuntimeError(f"{commands[0][0]} {commands[0][1]} failed")
    return found


def _run(environment: dict[str, str], command: Sequence[str | Path], fine: Collection[int]) -> Cost:
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-c", "from radraft.cli import main; main()"]
            + [str(part) for part in (*command, "--json")],
            stdout=said,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        peak = 0
        # What `wait4` says of a child counts the parent's memory at its birth.
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            peak = max(peak, _most_memory(child.pid))
            time.sleep(0.2)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        printed = said.read().decode()
    if child.returncode not in fine:
        raise RuntimeError(f"{command[0]} {command[1]} ended with {child.returncode}: {printed}")
    seconds = time.monotonic() - began
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak, json.loads(printed))


def _most_memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def _film(study: PastStudy, picture: Path, target: Path, row: dict[str, str]) -> None:
    from pydicom import dcmread

    target.parent.mkdir(exist_ok=True)
    wrap(picture, target, Picture(key=study.study_uid, patient=study.patient_number, view="PA"))
    dataset = dcmread(target)
    dataset.SpecificCharacterSet = "GB18030"
    dataset.StudyInstanceUID, dataset.AccessionNumber = study.study_uid, study.accession
    dataset.PatientID, dataset.PatientName = study.patient_number, study.name
    dataset.PatientBirthDate, dataset.PatientSex = f"{study.born:%Y%m%d}", row["sex"]
    dataset.StudyDate, dataset.StudyTime = f"{study.taken:%Y%m%d}", f"{study.taken:%H%M%S}"
    dataset.save_as(target)


if __name__ == "__main__":
    main()
