"""Whether two studies are of one patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from radraft.studies import priors
from radraft.studies.priors import LinkDecision, Match, Person, Reason, keys, match
from tests.studies.linkage import linkage
from tests.studies.registry import people, records

BORN = date(1970, 3, 5)
WANG = Person("north", "N-0001", "王小明", BORN, "M")


def other(name: str = "王小明", **changes: object) -> Person:
    """The same person at another hospital, but for `changes`."""
    return replace(WANG, **{"site": "south", "number": "S-9999", "name": name, **changes})  # type: ignore[arg-type]


def compared(a: Person, b: Person) -> Match:
    """Their match; it is the same in both directions."""
    found = match(a, b)
    assert match(b, a) == found
    return found


@pytest.mark.parametrize(
    "name",
    [
        "王小明",
        "王^小明",
        "小明^王",
        "王　小明",
        "Wang^Xiaoming",
        "WANG XIAOMING",
        "Wang Xiao Ming",
        "WANG^XIAO-MING",
        "Xiaoming Wang",
        "Xiao-Ming^Wang",
        "wangxiaoming",
        "xiaomingwang",
        "Wáng^Xiǎomíng",
        "wang2 xiao3ming2",
        "Ｗａｎｇ＾Ｘｉａｏｍｉｎｇ",
        "Wang^Xiaoming=王^小明",
        "=王^小明=",
        "Wang^Xiaoming=王^曉明",
        "王曉明",
        "Wang^Xiaoming^^Mr^PhD",
        "王小明先生",
        "王小明（复查）",
    ],
)
def test_one_name_in_many_forms(name: str) -> None:
    found = compared(WANG, other(name))
    assert found.outcome is LinkDecision.LINK, found
    assert set(keys(WANG)) & {key for key in keys(other(name)) if key.startswith("p:")}


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("单雪梅", "Shan^Xuemei"),
        ("仇婉清", "Qiu^Wanqing"),
        ("解凤仙", "Xie Fengxian"),
        ("解凤仙", "JIE FENGXIAN"),
        ("吕秋实", "Lü^Qiushi"),
        ("吕秋实", "Lv^Qiushi"),
        ("吕秋实", "LU QIUSHI"),
        ("吕秋实", "LYU QIUSHI"),
        ("欧阳修竹", "Ouyang^Xiuzhu"),
        ("尉迟敬德", "YUCHI JINGDE"),
        ("龔麗娟", "Gong^Lijuan"),
        ("龔麗娟", "龚丽娟"),
        ("区志坚", "Ou Zhijian"),
    ],
)
def test_surnames_with_several_readings_and_scripts(written: str, spoken: str) -> None:
    found = compared(other(written), replace(WANG, name=spoken))
    assert found.outcome is LinkDecision.LINK, found


def test_the_same_number_at_the_same_site_is_certain() -> None:
    found = compared(WANG, replace(WANG, name="Wang^Xiaoming", birth_date=None, sex=""))
    assert (found.confidence, found.outcome) == (1.0, LinkDecision.LINK)
    assert found.reasons[0] is Reason.NUMBER_SAME_SITE
    padded = compared(replace(WANG, number="00123"), replace(WANG, number=" １２３ "))
    assert padded.outcome is LinkDecision.LINK


def test_a_number_given_out_again_is_asked_about() -> None:
    found = compared(WANG, replace(WANG, name="李建国", birth_date=date(1991, 1, 2)))
    assert found.outcome is LinkDecision.ASK
    renamed = compared(WANG, replace(WANG, name="Hsiao-ming^Wong"))
    assert (renamed.outcome, renamed.confidence < 1) == (LinkDecision.LINK, True)


@pytest.mark.parametrize("number", ["", "0", "000000", "99999", "UNKNOWN", "n/a", "无", "123456"])
def test_a_number_that_names_nobody_links_nobody(number: str) -> None:
    found = compared(
        replace(WANG, number=number, name="李建国"), replace(WANG, number=number, name="张丽")
    )
    assert found.outcome is LinkDecision.APART
    assert not priors.usable_number(number)
    assert not any(key.startswith("n:") for key in keys(replace(WANG, number=number)))


def test_the_same_number_elsewhere_counts_only_beside_a_name_or_a_birth_date() -> None:
    far = other(number="N-0001")
    assert Reason.NUMBER_SAME in compared(WANG, far).reasons
    stranger = replace(far, name="李建国", birth_date=date(1991, 1, 2))
    found = compared(WANG, stranger)
    assert Reason.NUMBER_SAME not in found.reasons
    assert found.outcome is LinkDecision.APART
    # Another mistake in the birth date, and the number speaks for it.
    swapped = {"birth_date": date(1970, 5, 3)}
    assert compared(WANG, other(**swapped)).outcome is LinkDecision.ASK
    assert compared(WANG, other(number="N-0001", **swapped)).outcome is LinkDecision.LINK


def test_another_birth_date_or_sex_is_never_linked() -> None:
    assert compared(WANG, other(birth_date=date(1985, 11, 20))).outcome is LinkDecision.APART
    found = compared(WANG, other(sex="F"))
    assert Reason.SEX_DIFFERS in found.reasons
    assert found.outcome is LinkDecision.ASK


def test_a_common_name_without_a_birth_date_is_never_linked() -> None:
    for name in ("王伟", "张伟", "Wang Wei"):
        bare = replace(WANG, name=name, birth_date=None)
        found = compared(bare, replace(bare, site="south", number="S-1"))
        assert found.outcome is LinkDecision.APART, found
    rare = replace(WANG, name="单于婉筠", birth_date=None)
    assert compared(rare, replace(rare, site="south", number="S-1")).outcome is LinkDecision.ASK


def test_what_is_missing_lowers_the_confidence() -> None:
    full = compared(WANG, other()).confidence
    without_sex = compared(WANG, other(sex="")).confidence
    without_birth = compared(WANG, other(birth_date=None)).confidence
    assert full > without_sex > without_birth
    assert without_birth < priors.LINK
    assert compared(WANG, other("")).outcome is LinkDecision.APART
    assert compared(WANG, other("Anonymous")).outcome is LinkDecision.APART


def test_a_rarer_name_says_more() -> None:
    def of(name: str) -> float:
        return compared(replace(WANG, name=name), other(name)).confidence

    assert (
        of("闾丘婉筠")
        > of("王小明")
        > of("王伟")
        > compared(replace(WANG, name="王伟"), other("Wang Wei")).confidence
    )


@pytest.mark.parametrize(
    ("born", "reason", "outcome"),
    [
        (date(1970, 5, 3), Reason.BIRTH_SWAPPED, LinkDecision.ASK),
        (date(1971, 3, 5), Reason.BIRTH_YEAR_OFF, LinkDecision.ASK),
        (date(1970, 3, 6), Reason.BIRTH_TYPO, LinkDecision.ASK),
        (date(1970, 1, 1), Reason.BIRTH_YEAR, LinkDecision.ASK),
        (date(1900, 1, 1), Reason.BIRTH_MISSING, LinkDecision.ASK),
        (date(1958, 8, 27), Reason.BIRTH_DIFFERS, LinkDecision.APART),
    ],
)
def test_mistakes_in_birth_dates(born: date, reason: Reason, outcome: LinkDecision) -> None:
    found = compared(WANG, other(birth_date=born))
    assert reason in found.reasons
    assert found.outcome is outcome, found


def test_an_age_stands_in_for_a_birth_date() -> None:
    fits = compared(WANG, other(birth_date=None, born=(1969, 1970)))
    assert (Reason.AGE_FITS in fits.reasons, fits.outcome) == (True, LinkDecision.ASK)
    differs = compared(WANG, other(birth_date=None, born=(1990, 1991)))
    assert (Reason.AGE_DIFFERS in differs.reasons, differs.outcome) == (True, LinkDecision.APART)


def test_twins_are_not_linked() -> None:
    sister = replace(WANG, name="张梦瑶", sex="F")
    found = compared(sister, replace(sister, site="south", number="S-1", name="张梦琪"))
    assert Reason.NAME_ONE_OFF in found.reasons
    assert found.outcome is LinkDecision.ASK
    assert (
        compared(sister, replace(sister, name="张雨欣", number="2")).outcome is LinkDecision.APART
    )
    mother, child = replace(WANG, name="王芳"), other("王芳之子", birth_date=date(2026, 1, 2))
    assert compared(mother, child).outcome is LinkDecision.APART


def test_a_resident_identity_number_is_checked() -> None:
    right, wrong = "11010119900307889X", "110101199003078891"
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(right[:17]))
    right = right[:17] + "10X98765432"[total % 11]
    wrong = right[:17] + ("1" if right[17] != "1" else "2")
    born = {"birth_date": date(1970, 5, 3)}
    sure, unsure = (
        compared(replace(WANG, number=number), other(number=number, **born)).confidence
        for number in (right, wrong)
    )
    assert sure > unsure


def test_identity_is_not_in_a_repr() -> None:
    assert "王" not in repr(WANG)
    assert "1970" not in repr(WANG)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("CHEST", "LUNG", True),
        ("CHEST", "CHESTABDOMEN", True),
        ("LUNG", "CHESTABDPELVIS", True),
        ("ABDOMEN", "CHESTABDOMEN", True),
        ("CHESTABDOMEN", "ABDOMENPELVIS", True),
        ("KNEE", "LEG", True),
        ("BRAIN", "HEAD", True),
        ("CHEST", "CHEST", True),
        ("WRIST", "WRIST", True),
        ("CHEST", "ABDOMEN", False),
        ("LIVER", "KIDNEY", False),
        ("CHEST", "HAND", False),
        ("LSPINE", "CSPINE", False),
        ("", "", False),
        ("", "CHEST", False),
    ],
)
def test_body_parts_that_overlap(one: str, two: str, same: bool) -> None:
    assert (two in priors.overlapping(one)) is same
    assert (one in priors.overlapping(two)) is same


def test_the_great_regions_lie_apart() -> None:
    regions = ("CHEST", "ABDOMEN", "PELVIS", "HEAD", "NECK", "SPINE", "ARM", "HAND", "LEG", "FOOT")
    for region in regions:
        assert priors.overlapping(region).intersection(regions) == {region}


def test_links_that_nobody_confirms_are_right() -> None:
    """The registry of `bench/prior_match.py`, smaller."""
    everybody = people(3000, seed=7)
    here = records(everybody[:2000], "north", seed=70)
    there = records(everybody[1000:], "south", seed=71)
    found = linkage(here, there)
    assert found.shared == 1000
    assert found.precision >= 0.999
    assert found.recall >= 0.82
    assert found.reach >= 0.94
    assert found.blocked >= 0.99


def test_a_name_of_many_readings_has_few_keys() -> None:
    assert len(keys(replace(WANG, name="单行长乐朝重"))) <= 14
