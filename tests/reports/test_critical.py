"""Which findings are critical: a site's rules, thresholds, wording, and sentences in both
languages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from radraft.bench import critical as bench
from radraft.core.errors import SettingsError
from radraft.reports import critical
from radraft.reports.acuity import Acuity, acuity
from radraft.reports.critical import CriticalRule, CriticalRules, load_rules, preset
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Region, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality, Origin, Report
from tests.builders import make_sentence

SENTENCES = Path(__file__).parent / "data" / "critical_dev.jsonl"
LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT


def rules(text: str) -> CriticalRules:
    """The preset with the lines of `text` in place of its own findings."""
    defaults = preset().defaults.model_dump_json()
    return CriticalRules.from_yaml(f"defaults: {defaults}\n{text}")


# Rules.


def test_the_preset_has_a_rule_for_each_critical_code_and_for_no_other() -> None:
    for code, finding in vocabulary().items():
        parents = [vocabulary()[link] for link in critical.lineage(code)]
        wanted = finding.critical or any(parent.critical for parent in parents)
        assert (preset().rule(code) is not None) == wanted, code


def test_a_more_special_code_has_its_own_rule_or_its_parents() -> None:
    site = rules("findings: {pneumothorax: {deadline_minutes: 7}}")
    tension, plain = site.rule("tension_pneumothorax"), site.rule("pneumothorax")
    assert tension is not None and plain is not None
    # Critical by the vocabulary itself: as the defaults have it, not as its parent.
    assert (plain.deadline_minutes, tension.deadline_minutes) == (7, 30)
    site = rules("findings: {pleural_effusion: {deadline_minutes: 9}}")
    empyema = site.rule("empyema")
    assert empyema is not None and empyema.deadline_minutes == 9


def test_a_site_leaves_codes_out_and_adds_others() -> None:
    site = rules("without: [pulmonary_edema]\nfindings: {lung_malignancy: {may_wait: true}}")
    assert site.rule("pulmonary_edema") is None
    added = site.rule("lung_malignancy")
    assert added is not None and added.terms.may_wait
    only = rules("vocabulary: false\nfindings: {pneumothorax: {}}")
    assert only.rule("aortic_dissection") is None
    assert only.rule("pneumothorax") is not None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "file"),
        ("defaults: {deadline_minutes: 30}", "acknowledge_minutes"),
        ("findings: {no_such_code: {}}", "no_such_code"),
        ("findings: {pneumothorax: {percent_at_least: 120}}", "percent_at_least"),
        ("findings: {pneumothorax: {deadline_minutes: 0}}", "deadline_minutes"),
        ("findings: {pneumothorax: {second_person: maybe}}", "second_person"),
        ("findings: {pneumothorax: {colour: red}}", "colour"),
        ("without: [no_such_code]", "no_such_code"),
        ("findings: [", "file"),
        ("{defaults: {escalation: [{zh: '', en: x}]}}", "escalation"),
    ],
)
def test_rules_that_cannot_be_used_name_what_to_correct(
    tmp_path: Path, text: str, named: str
) -> None:
    path = tmp_path / "critical.yaml"
    whole = text.startswith(("defaults", "{")) or not text
    defaults = "" if whole else f"defaults: {preset().defaults.model_dump_json()}\n"
    path.write_text(defaults + text, encoding="utf-8")
    with pytest.raises(SettingsError, match="critical_values_invalid") as caught:
        load_rules(path)
    assert named in caught.value.message_en
    assert str(path) not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="critical_values_missing"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="critical_values_missing"):
        load_rules(tmp_path / "latin")


def test_a_copy_of_the_preset_is_a_site_s_file(tmp_path: Path) -> None:
    path = tmp_path / "critical.yaml"
    path.write_bytes((Path(critical.__file__).parent / critical.PRESET).read_bytes())
    assert load_rules(path) == preset() == load_rules(None)


# Thresholds and wording.


def mention(code: str = "pneumothorax", **changes: object) -> Mention:
    return replace(Mention(code, Certainty.PRESENT), **changes)  # type: ignore[arg-type]


def counted(one: Mention, site: CriticalRules, text: str = "", lang: Lang = "en") -> bool:
    return bool(list(critical.judged(text, lang, [one], site)))


@pytest.mark.parametrize(
    ("field", "small", "large", "rule"),
    [
        ("percent", 9.0, 10.0, "percent_at_least: 10"),
        ("volume_ml", 29.0, 30.0, "volume_ml_at_least: 30"),
        ("size_mm", (12.0, 4.0), (4.0, 31.0), "size_mm_at_least: 30"),
    ],
)
def test_a_threshold_asks_of_what_was_measured(
    field: str, small: object, large: object, rule: str
) -> None:
    site = rules(f"findings: {{pneumothorax: {{{rule}}}}}")
    assert not counted(mention(**{field: small}), site)
    assert counted(mention(**{field: large}), site)
    assert counted(mention(), site)


@pytest.mark.parametrize("uncertain", [True, False])
def test_a_site_says_whether_a_suspected_finding_counts(uncertain: bool) -> None:
    site = rules(f"findings: {{pneumothorax: {{uncertain: {str(uncertain).lower()}}}}}")
    assert counted(mention(polarity=Certainty.UNCERTAIN), site) == uncertain
    assert counted(mention(), site)
    assert not counted(mention(polarity=Certainty.ABSENT), site)


@pytest.mark.parametrize(
    ("change", "field"),
    [(Change.STABLE, "stable"), (Change.DECREASED, "improving")],
)
def test_a_site_says_which_course_counts(change: Change, field: str) -> None:
    one = mention(change=change)
    assert not counted(one, preset())
    assert counted(one, rules(f"findings: {{pneumothorax: {{{field}: true}}}}"))


def said(lang: Lang, text: str, words: str) -> set[Acuity]:
    start = text.index(words)
    return set(acuity(text, lang, mention(start=start, end=start + len(words))))


OLD, STABLE, BETTER, GONE = Acuity.OLD, Acuity.STABLE, Acuity.IMPROVING, Acuity.GONE
AFTER_SURGERY, UNLIKELY, ACUTE = Acuity.POSTOPERATIVE, Acuity.UNLIKELY, Acuity.ACUTE
WORSE, TREATED = Acuity.WORSE, Acuity.TREATED


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ("Chronic left subdural hematoma.", "subdural hematoma", {OLD}),
        ("Acute on chronic subdural hematoma.", "subdural hematoma", {OLD, ACUTE}),
        ("Chronic infarcts and a subdural hematoma.", "subdural hematoma", set()),
        ("Old rib fractures with a pneumothorax.", "pneumothorax", set()),
        ("Sequelae of prior hemorrhage.", "hemorrhage", {OLD}),
        ("Status post evacuation of a left subdural hematoma.", "subdural hematoma", {TREATED}),
        ("L1 burst fracture status post fixation.", "burst fracture", {TREATED}),
        ("The fracture is old.", "fracture", {OLD}),
        ("Compared with the prior CT the hemorrhage has increased.", "hemorrhage", {WORSE}),
        ("No new hemorrhage; stable infarct.", "hemorrhage", set()),
        ("New left pneumothorax.", "pneumothorax", {WORSE}),
        ("Expected postoperative free air.", "free air", {AFTER_SURGERY}),
        ("Free air consistent with recent surgery.", "Free air", {AFTER_SURGERY}),
        ("Status post thoracotomy with a pneumothorax.", "pneumothorax", set()),
        ("Pneumothorax after biopsy.", "Pneumothorax", set()),
        ("Appendicitis is considered unlikely.", "Appendicitis", {UNLIKELY}),
        ("Pneumothorax; hemorrhage is unlikely.", "Pneumothorax", set()),
        ("Small left pneumothorax, stable.", "pneumothorax", {STABLE}),
        ("Resolving ileus and a dissection.", "dissection", set()),
        ("Left pneumothorax; the lung has re-expanded.", "pneumothorax", set()),
        ("Left pneumothorax, the lung has re-expanded.", "pneumothorax", {GONE}),
        ("Pneumothorax, old rib fractures.", "Pneumothorax", set()),
        ("Chronic lung disease complicated by a pneumothorax.", "pneumothorax", set()),
        ("Compared to prior there is a pneumothorax.", "pneumothorax", set()),
        ("Aortic dissection, urgent repair is recommended.", "dissection", set()),
        ("Pneumothorax larger than expected.", "Pneumothorax", set()),
        ("Larger than expected pneumothorax.", "pneumothorax", set()),
        ("Postoperative hemorrhage in the tumor bed.", "hemorrhage", set()),
        ("Aortic aneurysm repair.", "aneurysm", {TREATED}),
        ("Pneumothorax with old rib fractures.", "Pneumothorax", set()),
        ("Pneumothorax status post resection.", "Pneumothorax", set()),
        ("The unstable fracture.", "fracture", set()),
        ("Obstruction due to adhesions from prior surgery.", "Obstruction", set()),
    ],
)
def test_english_words_count_for_what_they_stand_beside(
    text: str, words: str, wanted: set[Acuity]
) -> None:
    assert said("en", text, words) == wanted


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ("左侧陈旧性脑出血。", "脑出血", {OLD}),
        ("陈旧性脑梗死伴出血。", "出血", set()),
        ("左侧陈旧性肋骨骨折，左侧气胸。", "气胸", set()),
        ("慢性硬膜下血肿伴新鲜出血。", "硬膜下血肿", {OLD, ACUTE}),
        ("亚急性硬膜下血肿。", "硬膜下血肿", set()),
        ("急性硬膜下血肿。", "硬膜下血肿", {ACUTE}),
        ("腹主动脉瘤支架植入术后，未见内漏。", "腹主动脉瘤", {TREATED}),
        ("脾破裂修补术后改变。", "脾破裂", {TREATED}),
        ("左上肺切除术后，左侧气胸。", "气胸", set()),
        ("腹腔少量游离气体，考虑术后改变。", "游离气体", {AFTER_SURGERY}),
        ("术区少量积血。", "积血", {AFTER_SURGERY}),
        ("肺栓塞可能性不大。", "肺栓塞", {UNLIKELY}),
        ("气胸大致同前。", "气胸", {STABLE}),
        ("气胸较前吸收好转。", "气胸", {BETTER}),
        ("气胸未见吸收。", "气胸", set()),
        ("气胸较前增多。", "气胸", {WORSE}),
        ("气胸未见增多。", "气胸", set()),
        ("不稳定骨折。", "骨折", set()),
        ("气胸引流中，左肺已复张。", "气胸", {GONE}),
        ("气胸，左肺未复张。", "气胸", set()),
        ("左侧丘脑出血，软化灶形成。", "出血", {OLD}),
        ("新发脑出血。", "脑出血", {WORSE}),
        ("气胸伴陈旧性肋骨骨折。", "气胸", set()),
        ("慢性阻塞性肺病继发气胸。", "气胸", set()),
        ("陈旧性梗死灶内出血。", "出血", set()),
        ("气胸未明显吸收。", "气胸", set()),
        ("肠梗阻，考虑术后粘连所致。", "肠梗阻", set()),
        ("气胸，左肺未完全复张。", "气胸", set()),
    ],
)
def test_chinese_words_count_for_what_they_stand_beside(
    text: str, words: str, wanted: set[Acuity]
) -> None:
    assert said("zh", text, words) == wanted


def test_what_was_measured_is_there_whatever_was_operated_on() -> None:
    text = "术后少量气胸，压缩约20%。"
    one = mention(start=4, end=6)
    assert AFTER_SURGERY in acuity(text, "zh", one)
    assert AFTER_SURGERY not in acuity(text, "zh", replace(one, percent=20.0))


def test_larger_words_do_not_outweigh_what_says_smaller() -> None:
    text = "脑水肿较前明显减轻。"
    one = mention("cerebral_edema", start=0, end=3, change=Change.INCREASED)
    assert acuity(text, "zh", one) == {BETTER}


@pytest.mark.parametrize(
    ("text", "words", "change", "wanted"),
    [
        ("Persistent large pneumothorax.", "pneumothorax", Change.STABLE, set()),
        ("Large pneumothorax, unchanged.", "pneumothorax", Change.STABLE, {STABLE}),
        ("Persistent small pneumothorax.", "pneumothorax", Change.STABLE, {STABLE}),
        ("Pneumothorax not improved.", "Pneumothorax", Change.DECREASED, set()),
        ("Pneumothorax has not resolved.", "Pneumothorax", Change.RESOLVED, set()),
    ],
)
def test_a_change_that_was_read_counts_unless_the_words_say_otherwise(
    text: str, words: str, change: Change, wanted: set[Acuity]
) -> None:
    start = text.index(words)
    one = mention(start=start, end=start + len(words), change=change)
    assert acuity(text, "en", one) == wanted


@pytest.mark.parametrize(
    ("text", "lang", "counts"),
    [
        ("Acute on chronic subdural hematoma.", "en", True),
        ("Chronic subdural hematoma.", "en", False),
        ("慢性硬膜下血肿伴新鲜出血。", "zh", True),
        ("慢性硬膜下血肿。", "zh", False),
    ],
)
def test_what_is_acute_counts_though_it_be_old(text: str, lang: Lang, counts: bool) -> None:
    words = "subdural hematoma" if lang == "en" else "硬膜下血肿"
    start = text.index(words)
    one = mention("subdural_hematoma", start=start, end=start + len(words))
    assert counted(one, preset(), text, lang) is counts


def test_where_a_finding_stands_is_not_taken_for_its_measure() -> None:
    [one] = extract("双肺纹理清晰，左侧气胸。", "zh")[-1:]
    assert (one.code, one.percent, one.volume_ml) == ("pneumothorax", None, None)
    assert one.start > 0


# Reports.


def report(*texts: tuple[str, str]) -> Report:
    sentences = (
        make_sentence(f"f{n}", zh or "-", en or "-", origin=Origin.PERSON).reworded(zh=zh, en=en)
        for n, (zh, en) in enumerate(texts)
    )
    return Report("c-1", tuple(sentences), ())


def test_a_finding_is_given_once_with_all_its_sentences_and_sides() -> None:
    found = critical.critical_findings(
        report(
            ("左侧气胸。", "Left pneumothorax."), ("双肺清晰。", ""), ("", "Right pneumothorax.")
        ),
        preset(),
    )
    [one] = found
    assert (one.code, one.certainty) == ("pneumothorax", Certainty.PRESENT)
    assert one.sides == {LEFT, RIGHT}
    assert one.sentence_ids == ("f0", "f2")
    assert one.text.splitlines() == ["左侧气胸。", "Left pneumothorax.", "Right pneumothorax."]
    assert "气胸" not in repr(one)


def test_of_a_finding_and_what_it_implies_the_more_special_one_counts() -> None:
    found = critical.critical_findings(
        report(("左侧气胸。", ""), ("左侧张力性气胸。", "")), preset()
    )
    assert [one.code for one in found] == ["tension_pneumothorax"]


def test_one_language_is_enough() -> None:
    [one] = critical.critical_findings(report(("双肺清晰。", "Left pneumothorax.")), preset())
    assert one.code == "pneumothorax"


def test_a_suspicion_beside_a_statement_is_a_statement() -> None:
    [one] = critical.critical_findings(report(("左侧气胸可能。", ""), ("左侧气胸。", "")), preset())
    assert one.certainty is Certainty.PRESENT


@pytest.mark.parametrize(
    ("part", "region"),
    [("CHEST", Region.CHEST), ("head", Region.HEAD), ("KNEE", Region.OTHER), ("", None)],
)
def test_body_parts_have_regions_and_what_is_not_known_has_none(
    part: str, region: Region | None
) -> None:
    assert region_of(part) is region
    assert region_of("CHESTABDPELVIS") is None


# Sentences.


def test_the_sentences_cover_every_critical_code_in_both_languages() -> None:
    codes: dict[str, set[str]] = {"en": set(), "zh": set()}
    for sentence in bench.read(SENTENCES):
        codes[sentence.lang].update(sentence.codes)
    wanted = {code for code, finding in vocabulary().items() if finding.critical}
    assert wanted - codes["en"] == wanted - codes["zh"] == set()


def test_critical_sentences_are_found_and_near_misses_left_alone() -> None:
    scored = bench.score(bench.read(SENTENCES), preset())
    assert scored.recall.value >= 0.99, [sentence.text for sentence in scored.missed]
    assert scored.precision.value >= 0.99, [sentence.text for sentence in scored.false]


def test_the_bench_prints_figures_with_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": "1", "lang": "en", "text": "Left pneumothorax.", "modality": "CR",
         "body_part": "CHEST", "critical": True, "codes": ["pneumothorax"]},
        {"id": "2", "lang": "zh", "text": "双肺清晰。", "modality": "CR",
         "body_part": "CHEST", "critical": False, "codes": []},
        {"id": "3", "lang": "zh", "text": "双肺清晰。", "modality": "CR",
         "body_part": "CHEST", "critical": True, "codes": ["pneumothorax"]},
    ]  # fmt: skip
    path = tmp_path / "sentences.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    bench.main([str(path), "--misses"])
    printed = capsys.readouterr().out
    assert "all: n 3" in printed
    assert "recall     0.500 [0.095, 0.905] (1/2)" in printed
    assert "missed  3" in printed


def test_wilson_intervals_are_those_of_the_textbook() -> None:
    # Brown, Cai, DasGupta 2001, and any statistics package.
    low, high = bench.Share(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert bench.Share(0, 0).interval == (0.0, 1.0)


def test_a_rule_takes_what_it_leaves_open_from_the_defaults() -> None:
    rule = CriticalRule(deadline_minutes=5).completed(preset().defaults)
    assert (rule.deadline_minutes, rule.acknowledge_minutes, rule.old) == (5, 30, False)
