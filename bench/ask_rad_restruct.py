"""What the engine that answers questions about a report says to those of Rad-ReStruct.

python -m radraft.bench.ask_rad_restruct --data FOLDER [--split dev|heldout|all] [--sample N]
    [--seed S] [--disagreements FILE.jsonl] [--most N] [--model PROFILE [--with-model]]
python -m radraft.bench.ask_rad_restruct --sorted FILE.csv

FOLDER holds qa_rad_restruct/questions.jsonl and the OpenI reports that it asks about,
reports_iu_en/reports.csv. Its yes/no questions are put in a template's words to the engine of
`eval.asking.engine`; a place in its form says what is asked after. Halves are by the parity of
sha256 of the report's id, as for the finding reader. The sample is drawn by the seed.

Answered is what says yes, no or perhaps: by the engine itself or its own words, else by the
findings that the cited sentences state. Perhaps counts as yes, as in the coded labels. The labels
follow codes and not the text, and "no" stands wherever nothing was coded, so that "not mentioned"
is no answer and no mistake there; where the label is yes it is counted beside. Shares are with
Wilson's 95% interval; one of fewer than 20 is undecided. `--sorted` counts what a person made of
disagreements (`rad_restruct_sorted.csv`), whose fault each was, and asks nothing.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from radraft.cli.output import Output
from radraft.core.settings import load
from radraft.eval.asking.borne import codes
from radraft.eval.asking.engine import FollowupEngine
from radraft.eval.asking.run import ask_all
from radraft.eval.asking.score import JudgedReply
from radraft.eval.asking.sources import cited_texts
from radraft.eval.asking.tally import Share, share
from radraft.eval.asking.values import (
    ANSWERABLE,
    AnswerOutcome,
    AskedReport,
    Engine,
    ExaminationDetails,
    OrderDetails,
    OrderingDoctor,
    PatientDetails,
    Question,
    QuestionKind,
    QuestionSet,
    Reader,
    ReportSentence,
    ReportTimes,
    StatedPolarity,
    Texts,
)
from radraft.eval.report.markdown import table
from radraft.llm.profiles import load_profile
from radraft.llm.sentences import SentenceEncoder
from radraft.llm.server import connect
from radraft.reports.archive.sections import sentences
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

Split = Literal["dev", "heldout", "all"]
SEED = 20261130
PLACES = ("diseases", "signs", "body_regions", "objects", "infos")
"""The form's parts of an organ system; what follows in a path is the finding or the region."""
TYPED: Mapping[str, str] = {
    "cicatrix": "scarring",
    "calcinosis": "calcification",
    "blister": "a bleb",
    "funnel chest": "pectus excavatum",
    "bone and bones": "bones",
    "hypovolemia": "low lung volume",
    "pulmonary atelectasis": "atelectasis",
    "pulmonary emphysema": "emphysema",
    "tube, inserted": "an inserted tube",
    "medical device": "a medical device",
    "implanted medical device": "an implanted medical device",
    "markings": "an abnormality of the lung markings",
    "shift": "a shift",
    "density": "a density",
    "opacity": "an opacity",
    "lucency": "a lucency",
    "nodule": "a nodule",
    "mass": "a mass",
    "deformity": "a deformity",
}
"""Words of the form that nobody types, or that need an article."""
MANY = frozenset({"diseases", "fractures", "cysts", "dislocations", "lesions", "implants", "media",
                  "bodies", "catheters", "stents", "instruments", "sutures"})  # fmt: skip
"""Last words of terms that are asked for with "are there"."""
OWN_PLACE = ("lung", "pulmon", "pleur", "pneumo", "thorax", "heart", "cardi", "aort", "bone",
             "spin", "spond", "emphys", "bronch", "kyph", "scolio", "osteo", "pectus", "hilum",
             "edema")  # fmt: skip
"""Terms with one of these say where themselves."""


@dataclass(frozen=True)
class LabelledQuestion:
    """A yes/no question of the set, in a template's words."""

    id: str
    report: str
    path: str
    kind: str
    """`disease`, `sign`, `device`, `region`, or `any of a system`."""
    text: str
    label: bool


@dataclass(frozen=True)
class Compared:
    """A question with what came back, read as yes, no or neither."""

    asked: LabelledQuestion
    judged: JudgedReply
    says: StatedPolarity | None
    """None where it says neither."""

    @property
    def outcome(self) -> AnswerOutcome:
        """Return what the answer does with its question."""
        return self.judged.reply.outcome

    @property
    def answered(self) -> bool:
        """Return whether it says yes, no or perhaps as the report's."""
        return self.outcome in ANSWERABLE and self.says is not None

    @property
    def right(self) -> bool:
        """Return whether it is answered as it is labelled."""
        return self.answered and (self.says is not StatedPolarity.ABSENT) is self.asked.label

    @property
    def silent(self) -> bool:
        """Return whether it says that the report does not mention what is coded for it."""
        return self.outcome is AnswerOutcome.NOT_MENTIONED and self.asked.label

    @property
    def disagrees(self) -> bool:
        """Return whether somebody should read who is right."""
        return self.silent or (self.answered and not self.right)


def main() -> None:
    """Ask, print the tables, write the disagreements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of both sets")
    parser.add_argument("--sorted", type=Path, help="CSV of disagreements with `whose`: count them")
    parser.add_argument("--split", choices=get_args(Split), default="dev")
    parser.add_argument("--sample", type=int, default=0, help="questions; 0 for all")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--disagreements", type=Path, help="write some of them here, JSONL")
    parser.add_argument("--most", type=int, default=100, help="of the disagreements")
    parser.add_argument("--model", default="starter", help="PROFILE")
    parser.add_argument("--with-model", action="store_true", help="serve it, as when vLLM is up")
    given = parser.parse_args()
    if given.sorted is not None:
        print(sorted_table(given.sorted))
        return
    if given.data is None:
        parser.error("--data or --sorted is needed")
    for name in FILES:
        if not (given.data / name).is_file():
            parser.error(f"{given.data / name} is not there")
    reports = openi_reports(given.data / FILES[1])
    drawn = draw(labelled(given.data / FILES[0], reports, given.split), given.sample, given.seed)
    if not drawn:
        parser.error("no question is left")
    out, profile = Output(json=False), load_profile(given.model)
    with (
        connect(load(), profile) if given.with_model else nullcontext() as endpoint,
        out.progress() as progress,
    ):
        engine = FollowupEngine(profile, endpoint, SentenceEncoder.load())
        bar = progress.add_task("Asking", total=len(drawn))
        found = compare(
            drawn, reports, engine, lambda done, of: progress.update(bar, completed=done, total=of)
        )
    reports_asked = len({one.asked.report for one in found})
    model = given.model if given.with_model else f"{given.model}, no model"
    print(
        f"Rad-ReStruct, {given.split}, {len(found)} questions on {reports_asked} reports, "
        f"seed {given.seed}, {model}. Research use only.\n"
    )
    print(tables(found))
    if given.disagreements is not None:
        lines = disagreements(found, reports, given.most, given.seed)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        given.disagreements.write_text(text, encoding="utf-8")
        print(f"{len(lines)} of {sum(one.disagrees for one in found)} disagreements: "
              f"{given.disagreements}")  # fmt: skip


WHOSE = ("engine", "label", "both defensible")
FILES = ("qa_rad_restruct/questions.jsonl", "reports_iu_en/reports.csv")


def openi_reports(path: Path) -> dict[str, AskedReport]:
    """The reports that have a text, by id, as signed reports of a made-up person and time."""
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            parts = {
                letter: tuple(
                    ReportSentence(id=f"{letter}{number}", en=text)
                    for number, text in enumerate(sentences(row[name].strip(), "en"), 1)
                )
                for letter, name in (("f", "findings"), ("i", "impression"))
            }
            if any(parts.values()):
                found[row["uid"]] = _report(row, parts["f"], parts["i"])
    return found


def labelled(
    path: Path, reports: Mapping[str, AskedReport], split: Split
) -> tuple[LabelledQuestion, ...]:
    """The yes/no questions on reports of a half, in the file's order."""
    found = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            row = json.loads(line)
            known = row["uid"] in reports and split in ("all", half(row["uid"]))
            if not known or row["options"] != ["yes", "no"] or len(row["answer"]) != 1:
                continue
            kind, text = template(row["path"])
            label = row["answer"] == ["yes"]
            found.append(LabelledQuestion(f"q{number}", row["uid"], row["path"], kind, text, label))
    return tuple(found)


def half(uid: str) -> Split:
    """`heldout` or `dev`: an even hash is dev."""
    return "heldout" if hashlib.sha256(uid.encode()).digest()[-1] % 2 else "dev"


def template(path: str) -> tuple[str, str]:
    """The kind of a place in the form, and the question for it.

    `lung_diseases_pulmonary disease, chronic obstructive`: ("disease", "Is there chronic
    obstructive pulmonary disease?"). ValueError for a place of another form.
    """
    system, place, term = _parts(path)
    organ = "chest" if system == "thorax" else system
    if place == "body_regions" and term:
        return "region", f"Is there anything abnormal in the {_typed(term)}?"
    if not term:
        asked = {
            "diseases": f"Is there any disease of the {organ}?",
            "signs": f"Is there any abnormal finding in the {organ}?",
            "objects": "Are there any devices or foreign objects?",
        }
        return "any of a system", asked.get(place, f"Is there anything abnormal in the {organ}?")
    words = _typed(term)
    verb = "Are" if words.split()[-1] in MANY else "Is"
    where = (
        "" if place == "objects" or any(one in words for one in OWN_PLACE) else f" in the {organ}"
    )
    kind = {"diseases": "disease", "signs": "sign", "objects": "device"}[place]
    return kind, f"{verb} there {words}{where}?"


def draw(
    questions: Sequence[LabelledQuestion], sample: int, seed: int
) -> tuple[LabelledQuestion, ...]:
    """`sample` of the questions, in their order; all where it is 0 or more than there are."""
    if not 0 < sample < len(questions):
        return tuple(questions)
    chosen = set(random.Random(seed).sample(range(len(questions)), sample))
    return tuple(one for place, one in enumerate(questions) if place in chosen)


def compare(
    asked: Sequence[LabelledQuestion],
    reports: Mapping[str, AskedReport],
    engine: Engine,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Compared, ...]:
    """Ask every question by itself and read what comes back."""
    questions = tuple(
        Question(
            one.id, one.report, "en", QuestionKind.PRESENCE, one.text, AnswerOutcome.ANSWERED,
            polarity=StatedPolarity.PRESENT if one.label else StatedPolarity.ABSENT,
        )
        for one in asked
    )  # fmt: skip
    by_id = {one.id: one for one in asked}
    replies = ask_all(QuestionSet(questions, reports, {}, ""), engine, progress)
    judged = (reply.judged for reply in replies)
    return tuple(Compared(by_id[one.question.id], one, _says(one, reports)) for one in judged)


def tables(found: Sequence[Compared]) -> str:
    """Shares by kind of question and by label."""
    groups = {"all": list(found)}
    for kind in sorted({one.asked.kind for one in found}):
        groups[kind] = [one for one in found if one.asked.kind == kind]
    for label in (True, False):
        groups[f"label {'yes' if label else 'no'}"] = [o for o in found if o.asked.label is label]
    head = ["questions", "n", "answered", "right, of answered", "not mentioned, label yes",
            "not mentioned, label no", "cannot answer", "read as neither", "errors"]  # fmt: skip
    return table(head, [_row(name, group) for name, group in groups.items()])


def disagreements(
    found: Sequence[Compared], reports: Mapping[str, AskedReport], most: int, seed: int
) -> list[dict[str, Any]]:
    """At most `most` of what is answered otherwise than labelled, or not mentioned though labelled
    yes, drawn by the seed. `whose` is for whoever reads: `engine`, `label`, `both defensible`."""
    wrong = [one for one in found if one.disagrees]
    chosen = random.Random(seed).sample(wrong, min(most, len(wrong)))
    return [
        {
            "report": one.asked.report,
            "path": one.asked.path,
            "question": one.asked.text,
            "label": "yes" if one.asked.label else "no",
            "outcome": one.outcome.value,
            "read as": one.says.value if one.says else None,
            "answer": one.judged.reply.text,
            "cited": _texts(one.judged.reply.cites, reports),
            "shown": _texts(one.judged.reply.shown, reports),
            "text": " ".join(
                text for part in reports[one.asked.report].sentences for text in part.given
            ),
            "whose": "",
        }
        for one in chosen
    ]


def sorted_table(path: Path) -> str:
    """Count, of disagreements that somebody has read, whose fault each was, by what the engine said
    and how it is labelled. ValueError where one is not sorted."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if unknown := {row["whose"] for row in rows} - set(WHOSE):
        raise ValueError(f"not sorted: {sorted(unknown)}")
    groups = {"all": rows}
    for row in rows:
        groups.setdefault(f"{row['outcome']}, label {row['label']}", []).append(row)
    counts = {name: Counter(row["whose"] for row in group) for name, group in groups.items()}
    lines = [
        [name, str(counts[name].total()), *(str(counts[name][whose]) for whose in WHOSE)]
        for name in ("all", *sorted(groups.keys() - {"all"}))
    ]
    return table(["disagreements", "n", *WHOSE], lines)


def _row(name: str, group: Sequence[Compared]) -> list[str]:
    answered = [one for one in group if one.answered]
    counts = Counter(one.outcome for one in group)
    silent = sum(one.silent for one in group)
    return [
        name,
        str(len(group)),
        _cell(share(len(answered), len(group))),
        _cell(share(sum(one.right for one in answered), len(answered))),
        str(silent),
        str(counts[AnswerOutcome.NOT_MENTIONED] - silent),
        str(counts[AnswerOutcome.CANNOT_ANSWER] + counts[AnswerOutcome.REFUSED]),
        str(sum(one.outcome in ANSWERABLE and not one.answered for one in group)),
        str(sum(one.judged.reply.failed is not None for one in group)),
    ]


def _cell(value: Share) -> str:
    if value.share is None or value.low is None or value.high is None:
        return "-"
    if not value.decided:
        return f"undecided ({value.count} of {value.n})"
    return f"{value.share:.1%} ({value.low:.1%} to {value.high:.1%}; {value.count} of {value.n})"


def _says(judged: JudgedReply, reports: Mapping[str, AskedReport]) -> StatedPolarity | None:
    if judged.polarity is not None:
        return judged.polarity
    mentions = [m for text in _texts(judged.reply.cites, reports) for m in extract(text, "en")]
    asked = codes([judged.question.text])
    if asked:
        stated = {_POLARITY[one.polarity] for one in mentions if one.code in asked}
        return next(iter(stated)) if len(stated) == 1 else None
    # No finding is named: whatever the cited sentences call abnormal is one.
    wrong = [m for m in mentions if vocabulary()[m.code].kind is not Kind.NORMAL]
    if any(one.polarity is not Certainty.ABSENT for one in wrong):
        return StatedPolarity.PRESENT
    return StatedPolarity.ABSENT if mentions else None


def _texts(cites: Iterable[str], reports: Mapping[str, AskedReport]) -> list[str]:
    return [text for one in cites for text in cited_texts(one, reports)]


def _parts(path: str) -> tuple[str, str, str]:
    for place in PLACES:
        system, found, rest = path.partition(f"_{place}")
        if found and (not rest or rest.startswith("_")) and "_" not in rest[1:]:
            return system, place, rest[1:]
    raise ValueError(path)


def _typed(term: str) -> str:
    """`term` as somebody types it: MeSH puts the noun first ("lung diseases, interstitial")."""
    if term in TYPED:
        return TYPED[term]
    noun, comma, before = term.partition(", ")
    return f"{before} {noun}" if comma else term


def _report(
    row: Mapping[str, str],
    findings: tuple[ReportSentence, ...],
    impression: tuple[ReportSentence, ...],
) -> AskedReport:
    stamp = "2020-01-01T08:00+00:00"
    return AskedReport(
        id=row["uid"],
        accession=row["uid"],
        patient=PatientDetails(row["uid"], Texts(en="Nobody"), "O", 1960),
        examination=ExaminationDetails(
            "DX", "CHEST", Texts(en="Chest radiograph"), Texts(en=row["image"]), None
        ),
        order=OrderDetails(row["indication"], OrderingDoctor("", "")),
        author=Reader(en="Author", role="attending"),
        reviewer=None,
        times=ReportTimes(stamp, stamp, stamp, stamp),
        findings=findings,
        impression=impression,
    )


_POLARITY = {
    Certainty.PRESENT: StatedPolarity.PRESENT,
    Certainty.ABSENT: StatedPolarity.ABSENT,
    Certainty.UNCERTAIN: StatedPolarity.UNCERTAIN,
}


if __name__ == "__main__":
    main()
