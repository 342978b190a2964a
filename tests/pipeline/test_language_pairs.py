"""What translated, confirmed and dropped sentences become as training pairs: ten reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from radraft.finetune.export import target_text
from radraft.llm.profiles import load_profile
from radraft.pipeline.following import Follower, WrittenSentence
from radraft.pipeline.service import Service
from radraft.reports.edits import Edit, edit_stats
from radraft.reports.site_languages import BOTH_LANGUAGES, LanguageRule
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import LANGS, Lang, Sentence
from radraft.store import pairs
from radraft.store.database import Store
from tests.builders import signed_in
from tests.scale import on_both
from tests.ui import seed
from tests.ui.conftest import make_service

pytestmark = on_both()

ZH, EN = "右侧胸腔积液。", "Right pleural effusion."
OWN = "There is an effusion on the right."
NONE: frozenset[Lang] = frozenset()
CHINESE = LanguageRule(("zh",))


@dataclass(frozen=True)
class Written:
    """What became of a report's first finding, and what it teaches."""

    zh: str = seed.FINDINGS[0][0]
    en: str = seed.FINDINGS[0][1]
    followed: Lang | None = None
    """The language that a machine said it in."""
    confirmed: frozenset[Lang] = NONE
    rule: LanguageRule = BOTH_LANGUAGES
    teaches: tuple[Lang, ...] = LANGS
    edit: Edit = Edit.CORRECTED
    said: Mapping[Lang, str] = field(default_factory=dict)


TEN = {
    "as drafted": Written(edit=Edit.KEPT),
    "written by hand in both": Written(ZH, OWN),
    "followed, nobody confirmed it": Written(ZH, EN, followed="en", teaches=("zh",)),
    "followed and confirmed": Written(ZH, EN, followed="en", confirmed=frozenset({"en"})),
    "followed, then written anew": Written(ZH, OWN, followed="en"),
    "followed from the English": Written(ZH, EN, followed="zh", teaches=("en",)),
    "followed from the English and confirmed": Written(
        ZH, EN, followed="zh", confirmed=frozenset({"zh"})
    ),
    "the English dropped": Written(ZH, ""),
    "at a site of Chinese alone": Written(ZH, rule=CHINESE, teaches=("zh",)),
    "as drafted, at a site of Chinese alone": Written(
        rule=CHINESE, teaches=("zh",), edit=Edit.KEPT
    ),
}


@pytest.fixture
def service(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return make_service(store, tmp_path_factory.mktemp("data"))


def signed_pair(service: Service, number: int, written: Written) -> TrainingPair:
    """Write the first finding of study `number` as `written` says, sign, and return the pair."""
    case_id = seed.add(service.store, number)
    reader = signed_in(service.store, "林清")
    held = next(r for r in service.languages.rules(None) if r.site == "test")
    if held.rule != written.rule:
        service.languages.set_rule("test", written.rule, base_number=held.number, by=reader.who)
    if written.followed is not None:
        source: Lang = "zh" if written.followed == "en" else "en"
        text = ZH if source == "zh" else EN
        follower = Follower(service.store, load_profile("starter"))
        follower.follow(case_id, [WrittenSentence("f1", source, text)], None)
    working = service.case_view(case_id).working
    first = working.report.findings[0].reworded(zh=written.zh, en=written.en)
    report = seed.replace(working.report, findings=(first, *working.report.findings[1:]))
    saved = service.save(
        case_id,
        report,
        base_revision=working.revision,
        actor=reader,
        confirmed={"f1": written.confirmed},
    )
    service.signing.sign(case_id, base_revision=saved.revision, base_step=saved.steps, actor=reader)
    with service.store.read() as session:
        return next(pair for pair in pairs.pairs(session) if pair.case_id == case_id)


def first(pair: TrainingPair) -> Sentence:
    return pair.asserted.findings[0]


@pytest.mark.parametrize("name", TEN)
def test_a_pair_teaches_what_people_said_and_counts_what_they_changed(
    service: Service, name: str
) -> None:
    written = TEN[name]
    pair = signed_pair(service, 1 + list(TEN).index(name), written)
    assert pair.langs == written.teaches
    # No word of a machine that nobody confirmed is in what is learned.
    target = target_text(pair.asserted, pair.langs)
    for lang in LANGS:
        text = written.zh if lang == "zh" else written.en
        assert (text in target if text else True) == (lang in written.teaches)
        assert (first(pair).text(lang) == text) == (lang in written.teaches or not text)
    edits = {edit.sentence_id: edit for edit in pair.stats.sentences}
    assert edits["f1"].edit is written.edit
    assert {edit.edit for key, edit in edits.items() if key != "f1"} == {Edit.KEPT}
    assert pair.stats.langs == written.teaches
    assert pair.stats == edit_stats(pair.draft.report, pair.asserted, written.teaches)
    for lang, distance in (("zh", pair.stats.distance_zh), ("en", pair.stats.distance_en)):
        changed = lang in written.teaches and written.edit is not Edit.KEPT
        assert (distance > 0) == changed
