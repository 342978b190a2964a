"""What a draft may deny of its films, and what becomes of a sentence that they do not bear out."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from radraft.finetune.starter.compose import bank
from radraft.finetune.starter.values import Seen
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import load_profile
from radraft.pipeline import denials
from radraft.pipeline.denials import Denials
from radraft.pipeline.draft import ask
from radraft.prompts.build import build
from radraft.prompts.values import DraftRequest
from radraft.reports.draft import Draft, DraftedSentence
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Coverage
from radraft.store import cases
from radraft.store.database import Store
from radraft.vision_encoder import shipped
from radraft.vision_encoder.chances import AgeGroup, Chances, of_encoder
from radraft.vision_encoder.values import ImageTokens
from tests import drafted_films as films
from tests.builders import add_case, make_sentence
from tests.llm.test_draft import Pieces, answer

PROFILE = load_profile("starter2")
SECOND = shipped.encoder_id(films.FOLDER)
OPEN = "所见请由医师阅片后填写。", "The findings are for the reader to state."
NO_HERNIA = "未见食管裂孔疝。", "No hiatal hernia."
NO_EDEMA = "未见肺水肿。", "No pulmonary edema."
NO_AIR = "未见气胸。", "No pneumothorax."
OPACITY = "征象提示肺部密度增高影。", "Signs suggest lung opacity."
NORMAL = "胸部未见异常征象。", "No abnormality is seen in the chest."


def calibrated() -> Chances:
    found = of_encoder(SECOND)
    assert found is not None
    return found


def request(
    store: Store,
    image_ids: tuple[str, ...],
    encoder_id: str = SECOND,
    adapter_id: str | None = None,
    **deid: Any,
) -> DraftRequest:
    with store.begin() as session:
        case_id = add_case(session, **deid)
        case = cases.deid_study(session, case_id)
    tokens = ImageTokens(case_id, image_ids, encoder_id, "p@1", tuple(b"tensor" for _ in image_ids))
    return build(case, None, tokens, template="starter", adapter_id=adapter_id)


def allowed(store: Store, asked: DraftRequest) -> frozenset[str]:
    found = denials.of_request(asked, PROFILE, store)
    assert found is not None
    return found.deniable


def test_the_film_says_what_may_be_denied(sqlite_store: Store) -> None:
    asked = request(sqlite_store, films.keep(sqlite_store, (1,)))
    assert allowed(sqlite_store, asked) == calibrated().deniable(films.tokens(1), AgeGroup.ADULT)


def test_of_two_films_both_must(sqlite_store: Store) -> None:
    one, other = films.asked("emphysema", yes=True), films.asked("hiatal_hernia", yes=True)
    first, second = (calibrated().deniable(film, AgeGroup.ADULT) for film in (one, other))
    assert first - second and second - first
    asked = request(sqlite_store, films.keep_tokens(sqlite_store, (one, other)))
    assert allowed(sqlite_store, asked) == first & second


def test_a_childs_opacity_is_denied_where_its_pneumonia_is() -> None:
    well, unclear = films.asked("pneumonia_in_child", yes=False), films.tokens(1)
    assert calibrated().deniable(well, AgeGroup.CHILD) == {"pneumonia", "lung_opacity"}
    assert calibrated().deniable(unclear, AgeGroup.CHILD) == frozenset()


def test_no_critical_finding_may_be_denied_whatever_the_film() -> None:
    questions = calibrated().questions[AgeGroup.ADULT]
    critical = {one.code for one in questions if vocabulary()[one.code].critical}
    assert critical >= {"pneumothorax", "pulmonary_edema"}
    assert all(one.denied is None for one in questions if one.code in critical)
    assert any(one.denied is not None for one in questions)


@pytest.mark.parametrize("how", ["age", "images", "damaged"])
def test_where_the_film_cannot_be_asked_nothing_may(sqlite_store: Store, how: str) -> None:
    ids = films.keep(sqlite_store, (1,))
    if how == "images":
        ids = (*ids, "b" * 64)
    if how == "damaged":
        sqlite_store.objects.put(f"embeddings/{SECOND}/{ids[0]}.safetensors", b"torn")
    asked = request(sqlite_store, ids, **({"age_band": ""} if how == "age" else {}))
    assert allowed(sqlite_store, asked) == frozenset()


def test_what_an_adapter_may_deny_is_the_gates_to_say(sqlite_store: Store) -> None:
    asked = request(sqlite_store, films.keep(sqlite_store, (1,)), adapter_id="a-0123456789abcdef")
    assert denials.of_request(asked, PROFILE, sqlite_store) is None


@pytest.mark.parametrize("encoder", [shipped.encoder_id(), "other@0123456789abcdef"])
def test_scores_that_nobody_calibrated_hold_nothing_back(sqlite_store: Store, encoder: str) -> None:
    asked = request(sqlite_store, ("a" * 64,), encoder)
    assert denials.of_request(asked, PROFILE, sqlite_store) is None


def test_every_way_in_which_the_model_denies_is_seen() -> None:
    """Of each sentence that it was taught: kept where all that it denies may be denied."""
    model = bank()
    for code, named in model.findings.items():
        for number, pair in enumerate(named.pairs[Seen.ABSENT]):
            said = make_sentence(f"f{number}", pair.zh, pair.en)
            assert not Denials(frozenset(), {}).borne_out(said), pair
            every = frozenset({code, "enlarged_cardiac_silhouette"})
            assert Denials(every, {}).borne_out(said), pair
        for number, pair in enumerate(named.pairs[Seen.STATED] + named.pairs[Seen.SUGGESTED]):
            assert Denials(frozenset(), {}).borne_out(make_sentence(f"f{number}", pair.zh, pair.en))
    for together in model.absent_together:
        for pair in together.pairs:
            said = make_sentence("f1", pair.zh, pair.en)
            assert Denials(frozenset(together.codes), {}).borne_out(said), pair
            for missing in together.codes:
                assert not Denials(frozenset(together.codes) - {missing}, {}).borne_out(said), pair
    for pair in model.no_finding[Seen.STATED] + model.no_finding[Seen.SUGGESTED]:
        assert not Denials(frozenset(model.findings), {}).borne_out(
            make_sentence("i1", pair.zh, pair.en)
        )


def test_all_that_the_model_was_taught_to_leave_open_with_is_in_the_profile() -> None:
    taught = {(one.zh, one.en) for one in bank().unassessed_findings + bank().unassessed_impression}
    assert {(one.zh, one.en) for one in PROFILE.left_open or ()} == taught


def test_one_language_is_enough_to_hold_a_sentence_back() -> None:
    held = Denials(frozenset({"hiatal_hernia"}), {})
    assert held.borne_out(make_sentence("f1", *NO_HERNIA))
    assert not held.borne_out(make_sentence("f1", NO_HERNIA[0], NO_AIR[1]))


def drafted(
    store: Store, asked: DraftRequest, findings: Any, impression: Any
) -> tuple[Draft, list[DraftedSentence]]:
    """Return the draft where vLLM writes that, and the sentences that were told of before."""
    report = {
        "findings": [{"zh": zh, "en": en} for zh, en in findings],
        "impression": [{"zh": zh, "en": en} for zh, en in impression],
    }
    text = json.dumps(report, ensure_ascii=False)
    told: list[DraftedSentence] = []

    async def run() -> Draft:
        wire = httpx.MockTransport(lambda _: httpx.Response(200, stream=Pieces(answer(text))))
        async with httpx.AsyncClient(transport=wire) as client:
            return await ask(
                asked,
                store=store,
                profile=PROFILE,
                endpoint=Endpoint("http://vllm.test", "key-1", "served-name"),
                client=client,
                timeout_s=5,
                on_sentence=told.append,
            )

    return asyncio.run(run()), told


def test_what_the_film_does_not_bear_out_is_neither_told_nor_drafted(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Chances, "deniable", lambda *_: frozenset({"hiatal_hernia"}))
    asked = request(sqlite_store, films.keep(sqlite_store, (1,)))
    with caplog.at_level(logging.INFO, "radraft.pipeline.denials"):
        made, told = drafted(
            sqlite_store, asked, [NO_EDEMA, OPACITY, NO_HERNIA, NO_AIR], [NORMAL, OPACITY]
        )
    kept = [(one.id, one.zh, one.en) for one in made.report.sentences]
    assert kept == [("f2", *OPACITY), ("f3", *NO_HERNIA), ("i2", *OPACITY)]
    assert [(one.sentence.id, one.sentence.zh, one.sentence.en) for one in told] == kept
    assert made.coverage is Coverage.DRAFTED and made.error_code is None
    assert "3 sentences" in caplog.text and "气胸" not in caplog.text


def test_a_draft_of_which_nothing_is_left_is_an_empty_one(sqlite_store: Store) -> None:
    asked = request(sqlite_store, films.keep(sqlite_store, (1,)), age_band="")
    made, told = drafted(sqlite_store, asked, [OPEN, NO_AIR], [NORMAL])
    assert made.coverage is Coverage.DRAFTED
    assert made.report.findings == made.report.impression == () and not told


def test_a_fault_of_vllms_stays_one(sqlite_store: Store) -> None:
    asked = request(sqlite_store, films.keep(sqlite_store, (1,)))
    made, _ = drafted(sqlite_store, asked, [("x" * 10, 5)], [])
    assert made.coverage is Coverage.FAILED and made.error_code == "llm_bad_format"
