"""Character sets, declared rightly, wrongly and not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.studies import _text
from radraft.studies.read import read
from tests.studies import builders

_COMMON = [row + 0xA0 for row in range(16, 56)]
HANZI = "".join(
    bytes([row, cell]).decode("gb2312") for row in _COMMON for cell in range(0xA1, 0xFA)
)
chinese = st.text(st.sampled_from(HANZI), min_size=2, max_size=20)


@pytest.mark.slow
@given(chinese)
def test_declared_rightly(text: str) -> None:
    assert _text.decode(text.encode("gb18030"), ("GB18030",)) == (text, False)
    assert _text.decode(text.encode("gbk"), ("GBK",)) == (text, False)
    assert _text.decode(text.encode(), ("ISO_IR 192",)) == (text, False)
    escaped = b"Wang^Li=\x1b$)A" + text.encode("gb2312")
    assert _text.decode(escaped, ("", "ISO 2022 IR 58")) == ("Wang^Li=" + text, False)
    assert _text.decode(escaped, ()) == ("Wang^Li=" + text, True)


WRONG = [(), ("ISO_IR 100",), ("ISO_IR 6",), ("NO SUCH SET",)]


@given(chinese, st.sampled_from(WRONG))
def test_utf8_and_gb_declared_wrongly_or_not(text: str, declared: tuple[str, ...]) -> None:
    assert _text.decode(text.encode(), declared) == (text, True)
    # A GB text whose bytes happen to be UTF-8 too cannot be told apart; there are hardly any.
    got, repaired = _text.decode(text.encode("gb18030"), declared)
    assert repaired
    assert got == text or got == text.encode("gb18030").decode("utf-8")


@given(chinese)
def test_utf8_declared_as_gb18030_and_back(text: str) -> None:
    assert _text.decode(text.encode(), ("GB18030",)) == (text, True)
    got, _ = _text.decode(text.encode("gb18030"), ("ISO_IR 192",))
    assert got == text or got == text.encode("gb18030").decode("utf-8")


SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘闫佟茅谭"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀英霞平刚一丁二镕喆堃珺祎玥垚淼晟昇翀赟韡"
"""Common characters, and those of people's names that stand only in GBK."""
names = st.builds(
    lambda family, given: family + given,
    st.sampled_from(SURNAMES),
    st.text(st.sampled_from(GIVEN), min_size=1, max_size=2),
)


@given(names, st.sampled_from(WRONG))
def test_chinese_names_as_hospitals_send_them(name: str, declared: tuple[str, ...]) -> None:
    for codec in ("gb18030", "gbk", "utf-8"):
        assert _text.decode(name.encode(codec), declared) == (name, True), codec
    assert _text.decode(name.encode("gbk"), ("ISO_IR 192",)) == (name, True)
    for right in (("GB18030",), ("GBK",)):
        assert _text.decode(name.encode("gbk"), right) == (name, False)
        assert _text.decode(name.encode("utf-8"), right) == (name, True)


@given(
    names, st.sampled_from(["GB2312", "gbk", "CP936", "GB-18030", "UTF-8", "utf8", "ISO_IR_192"])
)
def test_misspelt_character_sets(name: str, said: str) -> None:
    codec = "utf-8" if "UTF" in said.upper() or "192" in said else "gbk"
    assert _text.decode(name.encode(codec), (said,))[0] == name


@given(names, names)
def test_escapes_of_every_component_group(name: str, phonetic: str) -> None:
    """PS3.5 K.2: the escape is given again after each delimiter that resets it."""
    family, given = name[0], name[1:]
    try:
        packed = [part.encode("gb2312") for part in (family, given, phonetic)]
    except UnicodeEncodeError:
        return
    escape = b"\x1b$)A"
    raw = b"Zhang^XiaoDong=" + escape + packed[0] + b"^" + escape + packed[1]
    raw += b"=" + escape + packed[2]
    expected = f"Zhang^XiaoDong={family}^{given}={phonetic}"
    assert _text.decode(raw, ("", "ISO 2022 IR 58")) == (expected, False)
    # Devices that reset nothing, or that escape only once, are read all the same.
    once = b"Zhang^XiaoDong=" + escape + packed[0] + b"^" + packed[1] + b"=" + packed[2]
    assert _text.decode(once, ("ISO 2022 IR 6", "ISO 2022 IR 58"))[0] == expected


@given(names.filter(lambda name: len(name) == 3), st.sampled_from([*WRONG, ("ISO_IR 192",)]))
def test_a_character_that_a_device_cut_in_two_costs_only_itself(
    name: str, declared: tuple[str, ...]
) -> None:
    assert _text.decode(name.encode("utf-8")[:-1], declared) == (name[:2], True)
    gb = _text.decode(name.encode("gb18030")[:-1], ("GB18030",))
    assert gb == (name[:2], True)


@pytest.mark.parametrize(
    "text", ["胸部CT平扫", "L5椎体压缩性骨折", "CT片", "双肺（2025年）", "朱镕基 M"]
)
def test_chinese_mixed_with_latin_letters(text: str) -> None:
    for declared in WRONG:
        assert _text.decode(text.encode("gbk"), declared) == (text, True)
        assert _text.decode(text.encode("utf-8"), declared) == (text, True)


@pytest.mark.parametrize(
    "name", ["Иванов^Иван", "Παπαδόπουλος", "김^철수", "Müller^Jörg", "François"]
)
def test_utf8_of_other_scripts_under_latin(name: str) -> None:
    for declared in ((), ("ISO_IR 100",)):
        assert _text.decode(name.encode("utf-8"), declared) == (name, True)


def test_japanese_and_korean_of_the_standard() -> None:
    # PS3.5 H.3.1 and I.2: the standard's own examples.
    japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    assert _text.decode(japanese, ("", "ISO 2022 IR 87")) == ("Yamada^Tarou=山田^太郎", False)
    korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"
    assert _text.decode(korean, ("", "ISO 2022 IR 149")) == ("Hong^Gildong=洪^吉洞", False)


@pytest.mark.parametrize(
    "name",
    ["Müller^Jörg", "Größe^Noël", "Núñez^José", "Sørensen^Åse", "Öz^Ali", "Élodie^Zoë", "Çelik"],
)
def test_latin_names_stay(name: str) -> None:
    assert _text.decode(name.encode("latin-1"), ("ISO_IR 100",)) == (name, False)


@given(st.binary(max_size=80), st.sampled_from([(), ("GB18030",), ("ISO_IR 192",), ("", "?")]))
def test_any_bytes_give_some_text(raw: bytes, declared: tuple[str, ...]) -> None:
    text, _ = _text.decode(raw, declared)
    text.encode("utf-8")
    assert not any(ord(char) < 32 and char not in "\t\n\r" for char in text)


CASES = {
    "gb18030": (b"GB18030", "gb18030", False),
    "gbk": (b"GBK", "gbk", False),
    "utf-8 as latin-1": (b"ISO_IR 100", "utf-8", True),
    "gb18030 as utf-8": (b"ISO_IR 192", "gb18030", True),
    "none declared": (b"", "gb18030", True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_names_in_files(tmp_path: Path, name: str) -> None:
    declared, codec, repaired = CASES[name]
    dataset = builders.radiograph(SpecificCharacterSet="ISO_IR 100", PatientName="NAME")
    path = builders.write(dataset, tmp_path / "a.dcm")
    builders.with_raw(path, 0x00080005, b"CS", declared)
    builders.with_raw(path, 0x00100010, b"PN", "Zhang^Wei=张^伟".encode(codec))
    (study,) = read(path, tmp_path / "work").studies
    assert study.patient.name == "Zhang^Wei=张^伟"
    assert study.issues == (("charset_repaired",) if repaired else ())


def test_undecodable_name_does_not_fail_the_study(tmp_path: Path) -> None:
    path = builders.write(builders.radiograph(SpecificCharacterSet="GB18030"), tmp_path / "a.dcm")
    builders.with_raw(path, 0x00100010, b"PN", b"Li^\x80\xff\x81\xfe\x80")
    (study,) = read(path, tmp_path / "work").studies
    assert study.patient.name.startswith("Li^") and "\ufffd" in study.patient.name
    assert study.issues == ("charset_repaired",)


@pytest.mark.slow
def test_one_study_of_files_in_several_sets(tmp_path: Path) -> None:
    """Each file is read in its own; the name is the first one that could be read whole."""
    name = "Zhang^Wei=张^伟"
    sent = {
        "0": (b"GB18030", b"Zhang^Wei=\x80\xff^\xff"),
        "1": (b"GB18030", name.encode("gb18030")),
        "2": (b"ISO_IR 100", name.encode("gbk")),
        "3": (b"ISO_IR 192", name.encode("utf-8")),
        "4": (b"\\ISO 2022 IR 58", "Zhang^Wei=\x1b$)A张^\x1b$)A伟".encode("gb2312")),
        "5": (b"", name.encode("gbk")),
    }
    for number, (declared, raw) in sent.items():
        path = tmp_path / f"{number}.dcm"
        builders.write(
            builders.radiograph(SpecificCharacterSet="ISO_IR 100", number=int(number) + 1), path
        )
        builders.with_raw(path, 0x00080005, b"CS", declared)
        builders.with_raw(path, 0x00100010, b"PN", raw)
        if number != "0":
            (alone,) = read(path, tmp_path / "work").studies
            assert alone.patient.name == name, number
    (study,) = read(tmp_path, tmp_path / "work").studies
    assert len(study.instances) == len(sent)
    assert study.patient.name == name
    assert study.issues == ("charset_repaired",)
