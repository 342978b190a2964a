"""Questions of Rad-ReStruct's form put to an engine, on a tiny invented set."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from radraft.bench import ask_rad_restruct as bench
from radraft.eval.asking.values import AnswerOutcome, AskedReport, Reply, StatedPolarity

REPORTS = {
    "1": ("Left pleural effusion. No pneumothorax.", "Possible pneumonia."),
    "2": ("Both bases are clear.", ""),
    "3": ("", ""),
}
QUESTIONS: list[tuple[str, str, str]] = [
    ("1", "pleura_diseases_pleural effusion", "yes"),
    ("1", "pleura_diseases_pneumothorax", "yes"),
    ("1", "lung_diseases_pneumonia", "yes"),
    ("2", "lung_diseases_nodule", "yes"),
    ("2", "trachea_body_regions", "no"),
    ("3", "lung_diseases", "no"),
]


def _row(uid: str, path: str, *answer: str, options: Sequence[str] = ("yes", "no")) -> str:
    value = {"uid": uid, "question": "?", "answer": answer, "options": options, "path": path}
    return json.dumps(value) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in bench.FILES:
        (tmp_path / name).parent.mkdir()
    lines = [_row(uid, path, answer) for uid, path, answer in QUESTIONS]
    lines.append(_row("1", "lung_diseases_nodule_degree", "mild", options=("mild", "severe")))
    (tmp_path / bench.FILES[0]).write_text("".join(lines), encoding="utf-8")
    with (tmp_path / bench.FILES[1]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("uid", "image", "indication", "findings", "impression"))
        writer.writerows((uid, "PA", "Cough", *texts) for uid, texts in REPORTS.items())
    return tmp_path


class Quotes:
    """Quotes the first sentence that has the question's last word; else says that none has."""

    def answer(self, question: str, report: AskedReport, priors: object, history: object) -> Reply:
        word = question.rstrip("?").split()[-1]
        for sentence in report.sentences:
            if sentence.en and word in sentence.en.lower():
                cites = (f"{report.id}/{sentence.id}",)
                return Reply(AnswerOutcome.ANSWERED, f"“{sentence.en}”", cites)
        return Reply(AnswerOutcome.NOT_MENTIONED, "I found no sentence on this.")


def compared(data: Path) -> tuple[dict[str, AskedReport], dict[str, bench.Compared]]:
    reports = bench.openi_reports(data / bench.FILES[1])
    asked = bench.labelled(data / bench.FILES[0], reports, "all")
    found = bench.compare(asked, reports, Quotes())
    return reports, {one.asked.path: one for one in found}


def test_a_quoted_sentence_is_read_as_yes_no_or_perhaps(data: Path) -> None:
    _, found = compared(data)
    # Of a report without a text nothing is asked, and no question but of yes and no.
    assert set(found) == {path for uid, path, _ in QUESTIONS if uid != "3"}
    effusion = found["pleura_diseases_pleural effusion"]
    assert effusion.says is StatedPolarity.PRESENT and effusion.right
    pneumothorax = found["pleura_diseases_pneumothorax"]
    assert pneumothorax.says is StatedPolarity.ABSENT and pneumothorax.answered
    assert not pneumothorax.right and pneumothorax.disagrees
    pneumonia = found["lung_diseases_pneumonia"]
    assert pneumonia.says is StatedPolarity.UNCERTAIN and pneumonia.right
    nodule = found["lung_diseases_nodule"]
    assert nodule.silent and nodule.disagrees and not nodule.answered
    trachea = found["trachea_body_regions"]
    assert not trachea.disagrees and not trachea.answered


def test_the_table_counts_and_leaves_few_undecided(data: Path) -> None:
    _, found = compared(data)
    rows = {line.split(" | ")[0].strip("| "): line for line in
            bench.tables(list(found.values())).splitlines()}  # fmt: skip
    assert "undecided (3 of 5) | undecided (2 of 3) | 1 | 1 | 0 | 0 | 0" in rows["all"]
    many = [found["pleura_diseases_pleural effusion"]] * 19
    many.append(found["pleura_diseases_pneumothorax"])
    assert "95.0% (76.4% to 99.1%; 19 of 20)" in bench.tables(many)


def test_disagreements_are_drawn_with_what_decides_them(data: Path) -> None:
    reports, found = compared(data)
    lines = bench.disagreements(list(found.values()), reports, 100, 7)
    by_question = {line["question"]: line for line in lines}
    assert set(by_question) == {"Is there pneumothorax?", "Is there a nodule in the lung?"}
    said = by_question["Is there pneumothorax?"]
    assert (said["label"], said["read as"]) == ("yes", "absent")
    assert said["cited"] == ["No pneumothorax."] and said["whose"] == ""
    assert len(bench.disagreements(list(found.values()), reports, 1, 7)) == 1


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("lung_diseases_pulmonary disease, chronic obstructive", "disease",
         "Is there chronic obstructive pulmonary disease?"),
        ("lung_signs_opacity", "sign", "Is there an opacity in the lung?"),
        ("foreign objects_objects_catheters, indwelling", "device",
         "Are there indwelling catheters?"),
        ("cardiovascular system_body_regions_aorta, thoracic", "region",
         "Is there anything abnormal in the thoracic aorta?"),
        ("thorax_diseases", "any of a system", "Is there any disease of the chest?"),
        ("mediastinum_infos", "any of a system", "Is there anything abnormal in the mediastinum?"),
    ],
)  # fmt: skip
def test_a_place_in_the_form_is_asked_for_as_people_do(path: str, kind: str, text: str) -> None:
    assert bench.template(path) == (kind, text)


def test_another_form_is_refused() -> None:
    for path in ("lung_shapes_round", "lung_diseases_nodule_degree"):
        with pytest.raises(ValueError, match=path):
            bench.template(path)


def test_halves_share_no_report_and_a_sample_is_the_same_again(data: Path) -> None:
    reports = bench.openi_reports(data / bench.FILES[1])
    every = bench.labelled(data / bench.FILES[0], reports, "all")
    parts = [bench.labelled(data / bench.FILES[0], reports, one) for one in ("dev", "heldout")]
    assert sorted(one.id for part in parts for one in part) == sorted(one.id for one in every)
    assert not {one.report for one in parts[0]} & {one.report for one in parts[1]}
    assert bench.draw(every, 3, 1) == bench.draw(every, 3, 1)
    assert len(bench.draw(every, 3, 1)) == 3 and bench.draw(every, 0, 1) == every


@pytest.mark.slow
def test_the_engine_is_asked_by_the_command(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["ask_rad_restruct", "--data", data, "--split", "all",
                 "--disagreements", data / "found.jsonl"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    bench.main()
    printed = capsys.readouterr().out
    assert "5 questions on 2 reports" in printed
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (data / "found.jsonl").read_text("utf-8").splitlines()
    ]
    assert {line["question"] for line in lines} <= {
        bench.template(path)[1] for _, path, _ in QUESTIONS
    }
    monkeypatch.setattr(sys, "argv", ["ask_rad_restruct", "--data", str(data / "nowhere")])
    with pytest.raises(SystemExit):
        bench.main()
    assert "is not there" in capsys.readouterr().err


def test_sorted_disagreements_are_counted_and_each_must_be_sorted(tmp_path: Path) -> None:
    kept = Path(bench.__file__).with_name("rad_restruct_sorted.csv")
    rows = list(csv.DictReader(kept.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 100
    engine = sum(row["whose"] == "engine" for row in rows)
    assert f"| all | 100 | {engine} |" in bench.sorted_table(kept)
    left = tmp_path / "left.csv"
    text = kept.read_text(encoding="utf-8")
    left.write_text(text.replace(",both defensible\n", ",\n", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="not sorted"):
        bench.sorted_table(left)
