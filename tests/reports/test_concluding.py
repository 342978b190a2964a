"""An impression drawn from findings says what they say, the most serious first, and touches no
person's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from radraft.reports.checks.reading import read_report
from radraft.reports.checks.values import ReadReport, StudyFacts
from radraft.reports.composing import compose
from radraft.reports.concluding import (
    Conclusion,
    Line,
    Step,
    Untold,
    borne,
    conclude,
    conclude_with,
    level_of,
)
from radraft.reports.critical import preset
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, Region, counted_as, vocabulary
from radraft.reports.outdated import Why, standing
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import (
    LANGS,
    Certainty,
    Confirmation,
    Lang,
    Laterality,
    Origin,
    Report,
    Sentence,
    Wording,
    both,
)

Pair = tuple[str, str]
MODEL, PERSON = Origin.MODEL, Origin.PERSON
CLEAR = ("双肺纹理清晰，未见实变。", "The lungs are clear.")
HEART = ("心影大小正常。", "Heart size is normal.")
PLEURA = ("未见胸腔积液或气胸。", "No pleural effusion or pneumothorax.")
EFFUSION = ("右侧胸腔积液。", "Right pleural effusion.")
NODULE = ("右肺上叶见结节，大小约12mm。", "A nodule of 12 mm in the right upper lobe.")
NORMAL = ("心肺未见明显异常。", "No acute cardiopulmonary abnormality.")


def sentences(prefix: str, pairs: Sequence[Pair], origin: Origin) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(f"{prefix}{number}", both(zh, en, origin)) for number, (zh, en) in enumerate(pairs)
    )


def read(
    findings: Sequence[Pair],
    impression: Sequence[Pair] = (),
    *,
    by: Origin = MODEL,
    body_part: str = "CHEST",
) -> ReadReport:
    report = Report("c-1", sentences("f", findings, MODEL), sentences("i", impression, by))
    return read_report(report, StudyFacts(body_part=body_part))


def concluded(
    findings: Sequence[Pair],
    impression: Sequence[Pair] = (),
    *,
    by: Origin = MODEL,
    body_part: str = "CHEST",
) -> Conclusion:
    return conclude(read(findings, impression, by=by, body_part=body_part), preset())


def lines(conclusion: Conclusion) -> list[Line]:
    return [proposal.line for proposal in conclusion.proposals if proposal.line is not None]


def in_english(conclusion: Conclusion) -> list[str]:
    return [dict(line.texts)["en"] for line in lines(conclusion)]


def taken(of: ReadReport, conclusion: Conclusion) -> ReadReport:
    """The report with every proposal taken."""
    kept = list(of.report.impression)
    for proposal in conclusion.proposals:
        line = proposal.line
        new = None
        if line is not None:
            wordings = tuple(Wording(lang, text, line.origin) for lang, text in line.texts)
            new = Sentence(proposal.sentence_id, wordings)
        at = next((n for n, s in enumerate(kept) if s.id == proposal.sentence_id), None)
        if at is not None:
            kept[at : at + 1] = [] if new is None else [new]
        elif new is not None:
            place = next((n for n, s in enumerate(kept) if s.id == proposal.before), len(kept))
            kept.insert(place, new)
    report = Report("c-1", of.report.findings, tuple(kept))
    return read_report(report, of.study)


def test_every_finding_of_the_vocabulary_has_a_level() -> None:
    for code, finding in vocabulary().items():
        if finding.kind is Kind.FINDING:
            assert level_of(code) >= 0


def test_the_most_serious_comes_first_and_what_is_incidental_shares_a_line() -> None:
    found = concluded(
        [
            ("主动脉迂曲、钙化。", "The aorta is tortuous and calcified."),
            NODULE,
            ("胸椎骨质增生。", "Thoracic osteophytes."),
            ("左侧气胸，压缩约30%。", "Left pneumothorax of about 30%."),
        ]
    )
    assert [dict(line.texts)["zh"] for line in lines(found)] == [
        "左侧气胸，压缩约30%。",
        "右肺上叶结节，大小约12mm。",
        "主动脉迂曲；主动脉钙化；胸椎骨质增生。",
    ]


def test_what_is_gone_is_told_and_a_device_that_was_removed_is_not() -> None:
    found = concluded(
        [
            ("右侧气胸已吸收。", "The right pneumothorax has resolved."),
            ("中心静脉导管已拔除。", "The central venous catheter has been removed."),
        ]
    )
    assert in_english(found) == ["Right pneumothorax has resolved."]


def test_what_is_only_possible_is_worded_so() -> None:
    found = concluded([("左下肺可疑肺炎。", "Possible pneumonia in the left lower lobe.")])
    assert in_english(found) == ["Possible pneumonia in the left lower lobe."]


def test_nothing_normal_is_written_beside_something_abnormal() -> None:
    found = concluded([CLEAR, HEART, EFFUSION])
    assert in_english(found) == ["Right pleural effusion."]


def test_a_normal_examination_is_called_so_where_the_findings_deny_what_matters() -> None:
    assert in_english(concluded([CLEAR, HEART, PLEURA])) == [NORMAL[1]]


@pytest.mark.parametrize(
    "findings",
    [[CLEAR, HEART], [CLEAR, PLEURA], [HEART, PLEURA], [], [("已摄片。", "Films were taken.")]],
)
def test_what_was_not_looked_at_is_not_called_normal(findings: list[Pair]) -> None:
    assert concluded(findings).proposals == ()


def test_a_knee_is_not_called_normal_by_the_words_of_a_chest() -> None:
    assert concluded([CLEAR, HEART, PLEURA], body_part="KNEE").proposals == ()


def test_what_a_more_specific_finding_says_is_not_said_twice() -> None:
    found = concluded(
        [("右侧胸腔积液，为血胸。", "Right pleural effusion."), ("右侧血胸。", "Right hemothorax.")]
    )
    assert in_english(found) == ["Right hemothorax."]


def test_a_language_that_the_findings_contradict_is_left_empty() -> None:
    found = concluded([("左侧胸腔积液。", "Right pleural effusion.")])
    assert [line.texts for line in lines(found)] == [(("zh", "左侧胸腔积液。"),)]


def test_a_finding_without_words_is_quoted_as_the_findings_have_it() -> None:
    thyroid = ("甲状腺增大。", "The thyroid is enlarged.")
    assert [line.texts for line in lines(concluded([thyroid]))] == [
        (("zh", thyroid[0]), ("en", thyroid[1]))
    ]


def test_one_that_cannot_be_quoted_alone_is_told_as_left_out() -> None:
    found = concluded(
        [("甲状腺增大，气管居中，未见气胸。", "The thyroid is enlarged. No pneumothorax.")]
    )
    assert [(left.code, left.why) for left in found.left_out] == [
        ("thyroid_abnormality", Untold.NO_WORDS)
    ]


def test_a_machines_line_that_no_longer_holds_is_replaced_by_what_took_its_place() -> None:
    found = concluded([EFFUSION], [("左侧胸腔积液。", "Left pleural effusion.")])
    (change,) = found.proposals
    assert (change.step, change.sentence_id) == (Step.REPLACE, "i0")
    assert change.line is not None
    assert change.line.texts == (("zh", EFFUSION[0]), ("en", EFFUSION[1]))


def test_a_machines_line_is_removed_where_the_findings_say_nothing_of_it() -> None:
    found = concluded(
        [CLEAR, HEART, PLEURA, NODULE], [("左侧骨折。", "Left rib fracture."), NODULE]
    )
    assert [(change.step, change.sentence_id) for change in found.proposals] == [
        (Step.REMOVE, "i0")
    ]


def test_a_line_that_holds_is_left_as_it_is() -> None:
    words = ("右肺上叶小结节，建议随访。", "Small nodule in the right upper lobe, follow up.")
    assert concluded([NODULE], [words]).proposals == ()


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_line_that_a_person_wrote_or_confirmed_stays_and_its_contradiction_is_told(
    confirmed: bool,
) -> None:
    of = read([EFFUSION], [("左侧胸腔积液。", "Left pleural effusion.")], by=PERSON)
    if confirmed:
        word = Confirmation(
            Person(PersonKind.ACCOUNT, "Dr A", "a-1"), datetime(2026, 1, 1, tzinfo=UTC)
        )
        wording = Wording("zh", "左侧胸腔积液。", MODEL, word)
        report = Report("c-1", of.report.findings, (Sentence("i0", (wording,)),))
        of = read_report(report, of.study)
    found = conclude(of, preset())
    assert found.contradicted == ("i0",)
    assert [change.step for change in found.proposals] == [Step.ADD]


def test_what_a_person_has_written_is_not_offered_again() -> None:
    assert concluded([EFFUSION, NODULE], [EFFUSION, NODULE], by=PERSON).proposals == ()


def test_a_more_serious_line_is_put_before_a_lesser_one() -> None:
    found = concluded(
        [NODULE, ("左侧气胸。", "Left pneumothorax.")],
        [("右肺上叶结节。", "Nodule in the right upper lobe.")],
        by=PERSON,
    )
    (change,) = found.proposals
    assert (change.step, change.before) == (Step.ADD, "i0")


@pytest.mark.parametrize(
    ("findings", "line", "why"),
    [
        (EFFUSION, ("左侧胸腔积液。", "Left pleural effusion."), Why.SIDE),
        (PLEURA, EFFUSION, Why.DENIED),
        (CLEAR, ("右肾结石。", "Right renal stone."), Why.GONE),
        (NODULE, ("右肺结节，约20mm。", "Nodule of the right lung, 20 mm."), Why.NUMBER),
        (EFFUSION, NORMAL, Why.NORMAL),
        (EFFUSION, ("未见胸腔积液。", "No pleural effusion."), Why.DENIED),
    ],
)
def test_a_line_that_rests_on_nothing_says_why(findings: Pair, line: Pair, why: Why) -> None:
    found = standing(read([findings], [line]))
    assert [stale.why for stale in found.stale] == [why]
    assert found.outdated


def test_a_new_finding_makes_the_impression_out_of_date() -> None:
    found = standing(read([EFFUSION, ("左侧气胸。", "Left pneumothorax.")], [EFFUSION]))
    assert [missing.code for missing in found.missing] == ["pneumothorax"]
    assert found.outdated


def test_an_impression_that_says_what_the_findings_say_is_not_out_of_date() -> None:
    found = standing(read([EFFUSION, NODULE, CLEAR], [NODULE, EFFUSION]))
    assert (found.missing, found.stale, found.outdated) == ((), (), False)


def test_a_report_without_an_impression_is_not_out_of_date() -> None:
    assert not standing(read([EFFUSION])).outdated


@pytest.mark.parametrize(
    "line",
    [
        "Left pleural effusion.",
        "Bilateral pleural effusions.",
        "Right pleural effusion, 20 mm.",
        "No pleural effusion.",
        "Possible right pleural effusion.",
        "Right pleural effusion and pneumonia.",
        "Right pleural effusion, new.",
        "Right pleural effusion with a meniscal tear.",
    ],
)
def test_a_models_line_that_states_more_than_the_findings_is_not_offered(line: str) -> None:
    of = read([EFFUSION])
    assert not borne(line, "en", of)
    assert conclude_with(of, preset(), [(("en", line),)]) is None


def test_a_models_line_that_the_findings_bear_is_offered_as_the_models() -> None:
    of = read([EFFUSION, NODULE])
    found = conclude_with(
        of,
        preset(),
        [(("en", "Pleural effusion on the right."),), (("en", "Left pneumothorax."),)],
    )
    assert found is not None
    assert [(dict(line.texts)["en"], line.origin) for line in lines(found)] == [
        ("Pleural effusion on the right.", Origin.MODEL),
        ("Pulmonary nodule in the right upper lobe, measuring 12 mm.", Origin.COMPOSED),
    ]
    assert found.refused == 1


CODES = tuple(
    code
    for code, finding in vocabulary().items()
    if finding.kind is Kind.FINDING and compose([Mention(code, Certainty.PRESENT)], "zh")
)


@st.composite
def reports(draw: st.DrawFn) -> ReadReport:
    pairs = []
    for code in draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=6, unique=True)):
        certainty = draw(st.sampled_from(list(Certainty)))
        side = draw(st.sampled_from([None, *Laterality]))
        sizes = draw(st.sampled_from([(), (8.0,), (12.5, 9.0)]))
        mention = Mention(
            code, certainty, side, size_mm=() if certainty is Certainty.ABSENT else sizes
        )
        zh, en = (compose([mention], lang, Region.CHEST) or "" for lang in LANGS)
        if zh or en:
            pairs.append((zh, en))
    old = draw(
        st.lists(st.sampled_from([EFFUSION, NODULE, NORMAL, PLEURA]), max_size=2, unique=True)
    )
    return read(pairs, old, by=draw(st.sampled_from([MODEL, PERSON])))


@settings(max_examples=150, deadline=None)
@given(of=reports())
def test_an_offered_line_states_only_what_the_findings_state(of: ReadReport) -> None:
    for line in lines(conclude(of, preset())):
        for lang, text in line.texts:
            assert borne(text, lang, of), text
            stated = {facts(mention) for mention in of_findings(of, lang)}
            for mention in extract(text, lang, Region.CHEST):
                assert mention.code == "no_finding" or facts(mention) in stated


def facts(mention: Mention) -> tuple[object, ...]:
    return (counted_as(mention.code), mention.polarity, mention.laterality, mention.size_mm)


def of_findings(of: ReadReport, lang: Lang) -> list[Mention]:
    count = len(of.report.findings)
    return [mention for s in of.sentences[:count] for mention in s.mentions.get(lang, ())]


@settings(max_examples=150, deadline=None)
@given(of=reports())
def test_taking_all_of_it_leaves_nothing_to_offer_and_no_persons_line_changed(
    of: ReadReport,
) -> None:
    conclusion = conclude(of, preset())
    after = taken(of, conclusion)
    assert conclude(after, preset()).proposals == ()
    theirs = [s for s in of.report.impression if s.origin is PERSON]
    assert [s for s in after.report.impression if s in theirs] == theirs
    stale = {line.sentence_id for line in standing(after).stale}
    assert stale == set(conclusion.contradicted)
