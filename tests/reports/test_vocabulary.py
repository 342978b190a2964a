"""The finding vocabulary is whole: enough of it, no loose ends, no name twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from radraft.reports.findings.vocabulary import (
    Finding,
    Kind,
    Region,
    anatomy,
    counted_as,
    lineage,
    vocabulary,
)

ALL = tuple(vocabulary().values())
COUNTED = tuple(finding for finding in ALL if finding.variant_of is None)
CODES = sorted(vocabulary())
# The critical findings that every list of critical values of imaging departments has.
CRITICAL = {
    "tension_pneumothorax",
    "pneumothorax",
    "aortic_dissection",
    "pulmonary_embolism",
    "intracranial_hemorrhage",
    "brain_herniation",
    "midline_shift",
    "pneumoperitoneum",
    "bowel_obstruction",
    "abdominal_aortic_aneurysm",
    "cord_compression",
    "malpositioned_device",
}
EVERYDAY = {
    "lung_opacity",
    "consolidation",
    "pneumonia",
    "atelectasis",
    "pulmonary_nodule",
    "pleural_effusion",
    "pleural_thickening",
    "cardiomegaly",
    "emphysema",
    "granuloma",
    "rib_fracture",
    "degenerative_change",
    "cerebral_infarct",
    "brain_atrophy",
    "sinusitis",
    "gallstone",
    "renal_stone",
    "hydronephrosis",
    "disc_herniation",
    "vertebral_compression_fracture",
}
RADLEX_SNAPSHOT = (
    Path(__file__).parents[2]
    / "../shared/data/report_templates/reiger_mrrt_de/shared/codesystems/radlex-cache.json"
)


def _of(*regions: Region) -> list[Finding]:
    return [one for one in COUNTED if one.region in regions and one.kind is not Kind.NORMAL]


def test_there_are_enough() -> None:
    assert len(_of(Region.CHEST)) >= 60
    assert len(_of(Region.HEAD, Region.ABDOMEN, Region.SPINE)) >= 40
    assert [region for region in Region if not _of(region)] == [Region.OTHER]


def test_parents_end() -> None:
    """`lineage` would not come back from a cycle, so the links are walked by hand first."""
    for code in CODES:
        seen = [counted_as(code)]
        while (parent := vocabulary()[seen[-1]].parent) is not None:
            assert counted_as(parent) not in seen, f"{code}: a cycle"
            seen.append(counted_as(parent))
        assert lineage(code) == tuple(seen)


def test_links_are_of_one_kind() -> None:
    for finding in ALL:
        if finding.variant_of is not None:
            target = vocabulary()[finding.variant_of]
            assert target.variant_of is None, f"{finding.code}: a variant of a variant"
            assert finding.parent is None, f"{finding.code}: its parents are its finding's"
            assert (finding.kind, finding.critical) == (target.kind, target.critical)
        if finding.parent is not None:
            assert vocabulary()[finding.parent].kind is finding.kind
            assert finding.kind is not Kind.NORMAL


def test_codes_are_codes() -> None:
    for code in [*CODES, *anatomy()]:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code), code


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_name_is_one_findings(language: str) -> None:
    names = Counter(getattr(finding, language).casefold() for finding in ALL)
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("at", [0, 1])
def test_a_place_has_one_name(at: int) -> None:
    names = Counter(pair[at].casefold() for pair in anatomy().values())
    assert [name for name, times in names.items() if times > 1] == []


def test_names_are_in_their_language() -> None:
    for finding in ALL:
        assert finding.en.isascii()
        assert re.search("[\u4e00-\u9fff]", finding.zh)
        assert finding.en.strip() == finding.en
        assert finding.zh.strip() == finding.zh
        assert not re.search(r"[,;()（），；\s]", finding.zh), finding.zh


def test_critical_findings_are_marked() -> None:
    assert {code for code in CRITICAL if not vocabulary()[code].critical} == set()
    # A critical finding is one to telephone about. The list of critical values names a third of the
    # vocabulary, so that what nobody telephones about is named here too.
    assert {code for code in EVERYDAY if vocabulary()[code].critical} == set()
    assert sum(finding.critical for finding in ALL) < len(ALL) / 3
    assert not vocabulary()["no_finding"].critical


def test_normal_stands_alone() -> None:
    assert [finding.code for finding in ALL if finding.kind is Kind.NORMAL] == ["no_finding"]


def test_radlex_ids() -> None:
    ids = [finding.radlex for finding in ALL if finding.radlex is not None]
    assert len(ids) >= 40
    assert [one for one in ids if not re.fullmatch(r"RID[1-9]\d*", one)] == []
    assert len(set(ids)) == len(ids)


@pytest.mark.skipif(not RADLEX_SNAPSHOT.exists(), reason="needs ../shared/data")
def test_radlex_ids_name_the_finding() -> None:
    """Every id that the snapshot has carries one of the finding's own words there."""
    import json

    terms = json.loads(RADLEX_SNAPSHOT.read_text("utf-8"))["terms"]
    checked = 0
    for finding in ALL:
        if finding.radlex not in terms:
            continue
        term = terms[finding.radlex]
        labels = [label.casefold() for label in [term["prefLabel"], *term["synonyms"]] if label]
        words = set(re.findall(r"[a-z]{4,}", finding.en.casefold())) | OTHER_WORDS.get(
            finding.code, set()
        )
        assert any(word in label for word in words for label in labels), (finding.code, labels)
        checked += 1
    assert checked >= 40


OTHER_WORDS = {
    "chest_tube": {"thoracostomy"},
    "hepatomegaly": {"enlarged liver"},
    "splenomegaly": {"enlarged spleen"},
    "renal_stone": {"calculus"},
    "brain_herniation": {"cerebral herniation"},
    "pacemaker": {"cardiac rhythm therapy device"},
}


def test_an_unknown_code_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        counted_as("no_such_finding")
