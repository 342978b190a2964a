"""Ages and dates as devices write them: right, or not known; an adult is never a child."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.studies._ages import age_in_years, date_of
from radraft.studies.read import read
from tests.studies import builders

TAKEN = date(2025, 1, 2)
BORN = date(1965, 4, 9)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("045Y", 45), ("045y", 45), (" 45Y", 45), ("45Y ", 45), ("45 Y", 45), ("5Y", 5),
        ("0045Y", 45), ("045YR", 45), ("45 years", 45), ("45 yrs old", 45), ("45岁", 45),
        ("４５Ｙ", 45), ("45周岁", 45), ("45.5Y", 45), ("120Y", 120),
        ("018M", 1), ("18 mo", 1), ("18个月", 1), ("540M", 45), ("104W", 2), ("010W", 0),
        ("003D", 0), ("3天", 0), ("999D", 2),
        ("42", None), ("042", None), ("000Y", None), ("000D", None), ("000M", None), ("0", None),
        ("-45Y", None), ("999Y", None), ("130Y", None), ("Y45", None), ("45X", None), ("Y", None),
        ("²Y", None), ("٤٥", None), ("45Y6M", None), ("45-50Y", None), ("adult", None), ("", None),
        ("19650409", None), ("NaN", None), ("1e2Y", None),
    ],
)  # fmt: skip
def test_an_age_alone(text: str, years: int | None) -> None:
    assert age_in_years(text, None, TAKEN) == years


@pytest.mark.parametrize(
    ("text", "born", "years"),
    [
        ("", BORN, 59), ("42", BORN, 59), ("000Y", BORN, 59), ("000D", BORN, 59),
        ("999Y", BORN, 59),
        ("059Y", BORN, 59), ("060Y", BORN, 60), ("058Y", BORN, 58),
        ("005Y", BORN, None), ("018M", BORN, None), ("059D", BORN, None), ("059M", BORN, None),
        ("045Y", date(2024, 12, 30), None), ("003D", date(2024, 12, 30), 0),
        ("000D", date(2024, 12, 30), 0), ("", date(2024, 12, 30), 0),
        ("045Y", date(1900, 1, 1), 45), ("", date(1900, 1, 1), None), ("", date(1, 1, 1), None),
        ("", date(1890, 5, 5), None), ("045Y", date(2026, 1, 1), 45), ("", date(2026, 1, 1), None),
    ],
)  # fmt: skip
def test_an_age_beside_a_birth_date(text: str, born: date, years: int | None) -> None:
    assert age_in_years(text, born, TAKEN) == years


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19810302", date(1981, 3, 2)), ("1981/03/02", date(1981, 3, 2)),
        ("1981-03-02", date(1981, 3, 2)), ("1981.03.02", date(1981, 3, 2)),
        ("1981:03:02", date(1981, 3, 2)), ("1981/3/2", date(1981, 3, 2)),
        ("1950.1.11", date(1950, 1, 11)), ("1950.11.1", date(1950, 11, 1)),
        ("1981年3月2日", date(1981, 3, 2)), ("１９８１０３０２", date(1981, 3, 2)),
        ("19810302120000", date(1981, 3, 2)), ("19810302 120000.000", date(1981, 3, 2)),
        ("1981-03-02 00:00:00", date(1981, 3, 2)), ("1981-03-02T00:00:00.0", date(1981, 3, 2)),
        ("25/12/1981", date(1981, 12, 25)), ("12/25/1981", date(1981, 12, 25)),
        ("03/03/1981", date(1981, 3, 3)),
        ("02/03/1981", None), ("00/00/0000", None), ("00000000", None), ("19810000", None),
        ("19810300", None), ("1981", None), ("198103", None), ("1981032", None), ("1981111", None),
        ("81/03/02", None), ("810302", None), ("19811332", None), ("1981/02/30", None),
        ("1981-03/02", None), ("99999999", None), ("UNKNOWN", None), ("", None), ("²", None),
        ("1981W011", None), ("19650409\\19650410", None),
    ],
)  # fmt: skip
def test_a_date(text: str, day: date | None) -> None:
    assert date_of(text) == day


@given(st.text(max_size=20), st.dates() | st.none(), st.dates() | st.none())
def test_nothing_breaks_it(text: str, born: date | None, taken: date | None) -> None:
    years = age_in_years(text, born, taken)
    assert years is None or 0 <= years <= 120
    date_of(text)


@pytest.mark.parametrize(
    ("age", "birth", "years", "born"),
    [
        ("42", "", None, None),
        ("", "1981/03/02", 43, date(1981, 3, 2)),
        ("", "1981年3月2日", 43, date(1981, 3, 2)),
        ("", "00/00/0000", None, None),
        ("000Y", "19650409", 59, BORN),
        (" 45Y", "", 45, None),
        ("45岁", "", 45, None),
        ("²Y", "", None, None),
    ],
)
def test_a_file_is_read_whatever_its_age_says(
    tmp_path: Path, age: str, birth: str, years: int | None, born: date | None
) -> None:
    film = builders.radiograph(
        SpecificCharacterSet="ISO_IR 192",
        StudyDate="20250102",
        PatientAge="045Y",
        PatientBirthDate="19650409",
    )
    path = builders.write(film, tmp_path / "film.dcm")
    builders.with_raw(path, 0x00100030, b"DA", birth.encode("utf-8"))
    builders.with_raw(path, 0x00101010, b"AS", age.encode("utf-8"))
    (study,) = read(tmp_path, tmp_path / "work").studies
    assert (study.age_years, study.patient.birth_date) == (years, born)
