"""What somebody types finds the names that begin so, however they are written."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, strategies as st

from radraft.studies import name_search


def finds(typed: str, name: str) -> bool:
    keys = name_search.name_keys(name)
    return any(key.startswith(query) for query in name_search.name_queries(typed) for key in keys)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("张", "Zhang^San=张^三"),
        ("张三", "Zhang^San=张^三"),
        ("Zhang^San=张^三", "Zhang^San=张^三"),
        ("三", "Zhang^San=张^三"),
        ("張三", "张三"),
        ("张三", "Cheung^Sam=張^三"),
        ("zhangsan", "=张^三"),
        ("zhang san", "张三"),
        ("Zhang, San", "张三"),
        ("san zhang", "张三"),
        ("zs", "张三"),
        ("zhangs", "张三"),
        ("san", "张三"),
        ("cheung", "Cheung^Sam=張^三"),
        ("sam cheung", "Cheung^Sam=張^三"),
        ("ouyang", "欧阳^娜娜"),
        ("娜娜", "歐陽娜娜"),
        ("lvxiaomei", "吕小梅"),
        ("lü", "吕小梅"),
        ("lu", "吕小梅"),
        ("zeng", "曾小明"),
        ("ceng", "曾小明"),
        ("muller", "Müller^Jörg"),
        ("MÜLLER", "Muller^Jorg"),
        ("o'brien", "OBrien^Pat"),
        ("test", "TEST^PATIENT"),
        ("李某", "李某"),
        ("王", "王"),
        ("17", "CASE^17"),
    ],
)
def test_a_beginning_finds_the_name(typed: str, name: str) -> None:
    assert finds(typed, name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("李", "Zhang^San=张^三"),
        ("angsan", "张三"),
        ("zhangsanfeng", "张三"),
        ("", "张三"),
        ("  ^= ", "张三"),
        ("%", "张三"),
    ],
)
def test_what_no_key_begins_with_finds_nothing(typed: str, name: str) -> None:
    assert not finds(typed, name)


@given(st.text(max_size=80))
def test_every_name_that_has_letters_is_found_by_itself_and_never_breaks(name: str) -> None:
    keys = name_search.name_keys(name)
    assert all(0 < len(key) <= name_search.LONGEST for key in keys)
    whole = name_search.query_key(name)
    assert not whole or whole in keys


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("PLANTED-ID-4711", "plantedid4711"),
        (" 00 42/7 ", "00427"),
        ("ＡＢ１２", "ab12"),
        ("--", ""),
    ],
)
def test_numbers_are_compared_by_their_letters_and_digits(text: str, key: str) -> None:
    assert name_search.number_key(text) == key


def test_dates_are_year_first() -> None:
    day = date(2026, 11, 2)
    for text in ("2026-11-02", "20261102", "2026/11/2", "2026.11.02", "2026年11月2日"):
        assert name_search.day(text) == day
    for text in ("2026-13-01", "11-02-2026", "2026", "2026-02-30", "王", ""):
        assert name_search.day(text) is None
