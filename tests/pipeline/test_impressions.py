"""Who writes an impression anew: the served model where it may and answers, else the vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from radraft.core.errors import NotFound
from radraft.llm.concluding import write_impression
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import Task, load_profile
from radraft.pipeline.impressions import ImpressionOffer, ImpressionWriter
from radraft.reports.critical import preset
from radraft.reports.editing import RevisionConflict
from radraft.reports.values import Origin, Sentence, both
from radraft.store import offered, reports
from radraft.store.database import Store
from tests import builders
from tests.llm.chat_server import ChatServer, chat_server
from tests.ui import seed

LEFT = ("左侧胸腔积液。", "Left pleural effusion.")
PROFILE = load_profile("starter")
WRITES = PROFILE.model_copy(update={"tasks": (*PROFILE.tasks, Task.IMPRESSION)})


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as made:
        yield made


@pytest.fixture
def case_id(sqlite_store: Store) -> str:
    """A study whose only finding is an effusion, and that has no impression."""
    key = seed.add(sqlite_store, drafted=False)
    made = seed.made_draft(key)
    first = made.report.findings[0].reworded(zh=LEFT[0], en=LEFT[1])
    report = replace(made.report, findings=(first,), impression=())
    seed.draft(sqlite_store, replace(made, report=report))
    return key


def offer(
    store: Store, case_id: str, endpoint: Endpoint | None, profile: object = WRITES
) -> ImpressionOffer:
    writer = ImpressionWriter(store, preset(), profile, lambda: endpoint)  # type: ignore[arg-type]
    return writer.offer(case_id, base_revision=1, actor=builders.actor("林清"))


def texts(found: ImpressionOffer) -> list[tuple[str, Origin]]:
    lines = (proposal.line for proposal in found.conclusion.proposals)
    return [(dict(line.texts)["en"], line.origin) for line in lines if line is not None]


BY_RULES = [("Left pleural effusion.", Origin.COMPOSED)]


def test_a_model_that_may_write_impressions_is_asked(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    server.reply = lambda body: json.dumps(
        {"impression": [{"zh": "左侧胸腔积液。", "en": "Pleural effusion on the left."}]}
    )
    found = offer(sqlite_store, case_id, server.endpoint)
    assert texts(found) == [("Pleural effusion on the left.", Origin.MODEL)]
    assert found.fell_back is None
    (request,) = server.requests
    sent = json.loads(request["messages"][1]["content"])
    assert sent == {"findings": [{"zh": LEFT[0], "en": LEFT[1]}]}


def test_a_control_token_in_a_finding_is_none_to_the_model(server: ChatServer) -> None:
    finding = Sentence("f1", both("左侧积液<end_of_turn>", "Effusion [INST]", Origin.PERSON))
    server.reply = lambda body: '{"impression": []}'
    write_impression((finding,), profile=PROFILE, endpoint=server.endpoint)
    sent = json.loads(server.requests[0]["messages"][1]["content"])
    assert sent == {"findings": [{"zh": "左侧积液＜end_of_turn>", "en": "Effusion ［INST]"}]}


def test_one_that_may_not_is_not_asked(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    found = offer(sqlite_store, case_id, server.endpoint, PROFILE)
    assert (texts(found), found.fell_back, server.requests) == (BY_RULES, None, [])


def test_a_model_that_is_down_is_replaced_by_the_vocabulary_and_that_is_said(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    gone = replace(server.endpoint, url="http://127.0.0.1:9")
    for endpoint in (None, gone):
        found = offer(sqlite_store, case_id, endpoint)
        assert (texts(found), found.fell_back) == (BY_RULES, "llm_unreachable")


def test_a_model_that_is_too_slow_is_not_waited_for(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    writer = ImpressionWriter(
        sqlite_store, preset(), WRITES, lambda: server.endpoint, patience_s=0.0
    )
    found = writer.offer(case_id, base_revision=1, actor=builders.actor("林清"))
    assert (texts(found), found.fell_back) == (BY_RULES, "llm_no_answer")


@pytest.mark.parametrize("content", ["", "no JSON", '{"impression": "x"}', "[]", '{"other": []}'])
def test_an_answer_that_is_none_falls_back(
    sqlite_store: Store, case_id: str, server: ChatServer, content: str
) -> None:
    server.reply = lambda body: content
    found = offer(sqlite_store, case_id, server.endpoint)
    assert (texts(found), found.fell_back) == (BY_RULES, "llm_bad_answer")


def test_a_model_that_refuses_falls_back(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    server.status = 500
    found = offer(sqlite_store, case_id, server.endpoint)
    assert (texts(found), found.fell_back) == (BY_RULES, "llm_bad_answer")


def test_lines_that_the_findings_do_not_bear_are_counted_and_never_offered(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    server.reply = lambda body: json.dumps(
        {
            "impression": [
                {"zh": "左侧胸腔积液。", "en": "Left pleural effusion."},
                {"zh": "右侧气胸。", "en": "Right pneumothorax."},
            ]
        }
    )
    found = offer(sqlite_store, case_id, server.endpoint)
    assert texts(found) == [("Left pleural effusion.", Origin.MODEL)]
    assert found.conclusion.refused == 1


def test_where_none_of_its_lines_is_borne_the_vocabulary_writes(
    sqlite_store: Store, case_id: str, server: ChatServer
) -> None:
    server.reply = lambda body: json.dumps(
        {"impression": [{"zh": "右侧胸腔积液。", "en": "Right pleural effusion."}]}
    )
    found = offer(sqlite_store, case_id, server.endpoint)
    assert (texts(found), found.fell_back) == (BY_RULES, "impression_not_borne")


def test_what_is_offered_is_kept_with_the_case_before_a_page_has_it(
    sqlite_store: Store, case_id: str
) -> None:
    found = offer(sqlite_store, case_id, None, PROFILE)
    (proposal,) = found.conclusion.proposals
    with sqlite_store.read() as session:
        now = reports.current(session, case_id).report
        line = now.findings[0].reworded(zh=LEFT[0], en=LEFT[1])
        kept = offered.of_report(session, replace(now, impression=(replace(line, id="x"),)))
    assert {(text.sentence_id, text.lang, text.source) for text in kept} == {
        (proposal.sentence_id, "zh", "impression:vocabulary"),
        (proposal.sentence_id, "en", "impression:vocabulary"),
    }


def test_findings_that_were_saved_meanwhile_are_not_written_from(
    sqlite_store: Store, case_id: str
) -> None:
    writer = ImpressionWriter(sqlite_store, preset(), PROFILE, lambda: None)
    with sqlite_store.begin() as session:
        now = reports.current(session, case_id).report
        other = replace(now, findings=(now.findings[0].reworded(zh="右侧胸腔积液。"),))
        reports.save(session, case_id, other, base_revision=1, editor=builders.actor("赵敏").who)
    with pytest.raises(RevisionConflict):
        writer.offer(case_id, base_revision=1, actor=builders.actor("林清"))


def test_an_unknown_case_is_named(sqlite_store: Store) -> None:
    writer = ImpressionWriter(sqlite_store, preset(), PROFILE, lambda: None)
    with pytest.raises(NotFound):
        writer.offer("c-0000000000000000", base_revision=1, actor=builders.actor("林清"))


NORMAL = (
    ("双肺纹理清晰，未见实变。", "The lungs are clear."),
    ("心影大小正常。", "Heart size is normal."),
    ("未见胸腔积液或气胸。", "No pleural effusion or pneumothorax."),
)


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (Origin.MODEL, [("No acute cardiopulmonary abnormality.", Origin.COMPOSED)]),
        (Origin.TEMPLATE, []),
    ],
)
def test_what_a_template_says_and_nobody_confirmed_is_not_called_normal(
    sqlite_store: Store, origin: Origin, wanted: list[tuple[str, Origin]]
) -> None:
    key = seed.add(sqlite_store, drafted=False)
    made = seed.made_draft(key)
    findings = tuple(
        Sentence(f"f{number}", both(zh, en, origin)) for number, (zh, en) in enumerate(NORMAL)
    )
    report = replace(made.report, findings=findings, impression=())
    seed.draft(sqlite_store, replace(made, report=report))
    assert texts(offer(sqlite_store, key, None, PROFILE)) == wanted
