"""What people said of answers, as a question set without identity."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from radraft.core.settings import Settings
from radraft.eval.asking.files import read_question_set
from radraft.eval.asking.values import AnswerOutcome, QuestionKind
from radraft.finetune.marked import MarkedCount, export_marked
from radraft.reports.training_pair import split_of
from radraft.store import cases, questions, report_steps, reports, turn_marks
from radraft.store.database import Store
from radraft.store.signatures import sign
from radraft.store.turn_marks import TurnVerdict
from tests.builders import ACCESSION, NAME, PATIENT_ID, add_drafted, make_report, person
from tests.store import tampering

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
ZHAO, LIN = person("赵临床"), person("林清远")
NAMED = ("魏植入", "植入", *NAME.replace("=", "^").split("^")[:2], PATIENT_ID, ACCESSION,
         "赵临床", "林清远")  # fmt: skip
UP, DOWN, NONE = TurnVerdict.UP, TurnVerdict.DOWN, TurnVerdict.NONE


def signed_case(session: Session, number: int = 1) -> str:
    case_id = add_drafted(session, number)
    base = reports.current(session, case_id).revision
    sign(session, case_id, base_revision=base, signer=LIN, now=NOW)
    return case_id


def asked(
    session: Session,
    case_id: str,
    question: str,
    *marks: tuple[TurnVerdict, str],
    answer: str = "见报告。",
    cites: tuple[str, ...] = ("s1",),
    version: int | None = 1,
) -> None:
    """A question, its answer, and what Zhao, then Lin, say of it."""
    turn = questions.add_turn(
        session,
        case_id,
        question=question,
        answer=answer,
        lang="zh",
        citations=cites,
        refused=not cites,
        asked_by=ZHAO,
        version=version,
    )
    for by, (verdict, correction) in zip((ZHAO, LIN), marks, strict=False):
        turn_marks.add(
            session, case_id, turn.turn_id, verdict, correction=correction, by=by, now=NOW
        )


def exported(
    store: Store, folder: Path, sites: set[str] | None = None
) -> tuple[MarkedCount, dict[str, list[dict[str, Any]]]]:
    with store.read() as session:
        count = export_marked(session, folder, sites)
    return count, {
        path.stem: [json.loads(text) for text in path.read_text("utf-8").splitlines()]
        for path in folder.iterdir()
    }


def test_marks_become_a_question_set_that_the_scorer_reads(store: Store, tmp_path: Path) -> None:
    with store.begin() as session:
        case_id = signed_case(session)
        first = reports.current(session, case_id).report.sentences[0].id
        asked(session, case_id, "有肺炎吗", (UP, ""), (UP, ""), cites=(first,))
        asked(session, case_id, "有气胸吗", (UP, ""), cites=())
        asked(session, case_id, "结节多大", (UP, ""), (DOWN, "约 3 cm"), cites=(first,))
        asked(session, case_id, "谁签的", (NONE, ""), cites=(first,))
        asked(session, case_id, "没有评价", cites=(first,))
        ref = cases.get_case(session, case_id).patient_ref
    count, files = exported(store, tmp_path / "out")
    assert (count.questions, count.to_judge, count.reports) == (2, 1, 1)
    assert count.held_out == 2 * (split_of(ref) == "held_out")
    found = read_question_set(tmp_path / "out/questions.jsonl", tmp_path / "out/reports.jsonl")
    pneumonia, pneumothorax = found.questions
    assert (pneumonia.kind, pneumonia.expected) == (QuestionKind.PRESENCE, AnswerOutcome.ANSWERED)
    assert pneumonia.cites == ((f"m1/{first}",),)
    assert pneumothorax.expected is AnswerOutcome.NOT_MENTIONED
    assert [one["split"] for one in files["questions"]] == [split_of(ref)] * 2
    (judged,) = files["judge"]
    assert judged["text"] == "结节多大" and judged["corrections"] == ["约 3 cm"]
    assert judged["verdicts"] == {"up": 1, "down": 1} and "expected" not in judged
    for path in (tmp_path / "out").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_is_named_and_no_day_is_told(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.begin() as session:
        case_id = signed_case(session)
        asked(session, case_id, "魏植入（PLANTED-ID-4711）有肺炎吗", (UP, ""))
        asked(
            session, case_id, "有积液吗", (DOWN, "问林清远，13800138000，检查号 PLANTED-ACC-0815"),
            answer="赵临床：2026-11-20 魏植入无积液。",
        )  # fmt: skip
    count, files = exported(sqlite_store, tmp_path / "out")
    assert (count.questions, count.to_judge) == (1, 1)
    whole = json.dumps(files, ensure_ascii=False)
    for word in (*NAMED, "13800138000", "2026-11", case_id):
        assert word not in whole, word
    assert "***" in files["questions"][0]["text"] and "有肺炎吗" in files["questions"][0]["text"]
    performed = datetime.fromisoformat(files["reports"][0]["times"]["performed"])
    assert performed < NOW - timedelta(days=365)


def test_days_between_a_patients_studies_stay(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.begin() as session:
        for number in (1, 2):
            asked(session, signed_case(session, number), "有肺炎吗", (UP, ""))
    _, files = exported(sqlite_store, tmp_path / "out")
    first, second = files["reports"]
    assert first["id"] != second["id"]
    assert first["patient"]["id"] == second["patient"]["id"]
    # Both were signed on one day, which is another now.
    assert first["times"]["signed"] == second["times"]["signed"]
    assert not first["times"]["signed"].startswith("2026-11-28")


def test_what_does_not_hold_is_left_out(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.begin() as session:
        old, broken, sound = (signed_case(session, number) for number in (1, 2, 3))
        for case_id in (old, broken, sound):
            asked(session, case_id, "有肺炎吗", (UP, ""))
        asked(session, sound, "有积液吗", (UP, ""), version=None)
        steps = reports.current(session, old).steps
        report_steps.amend(session, old, base_step=steps, editor=LIN, reason="复核", now=NOW)
        base = reports.current(session, old)
        reports.save(
            session, old, make_report(old, 2), base_revision=base.revision, editor=LIN
        )  # fmt: skip
        base = reports.current(session, old)
        sign(session, old, base_revision=base.revision, signer=LIN, now=NOW)
    settings = Settings(data_dir=tmp_path / "data")
    tampering.unprotect(settings, "signed_reports")
    change = f"UPDATE signed_reports SET content = '{{}}' WHERE case_id = '{broken}'"
    tampering.run(settings, change)
    count, files = exported(sqlite_store, tmp_path / "out")
    assert (count.questions, count.superseded, count.broken) == (1, 2, 1)
    assert len(files["reports"]) == 1


def test_of_another_site_nothing_leaves(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.begin() as session:
        asked(session, signed_case(session), "有肺炎吗", (UP, ""))
    count, files = exported(sqlite_store, tmp_path / "out", {"elsewhere"})
    assert (count.questions, count.reports) == (0, 0) and files["reports"] == []


def test_a_name_that_nothing_takes_out_withholds_the_question(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radraft.finetune.marked.redacted", lambda text, _: text)
    with sqlite_store.begin() as session:
        case_id = signed_case(session)
        asked(session, case_id, "魏植入有肺炎吗", (UP, ""))
    count, files = exported(sqlite_store, tmp_path / "out")
    assert count.named == 1 and files["questions"] == []
