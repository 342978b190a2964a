"""Character sets, declared rightly, wrongly and not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radraft.studies import _text
from radraft.studies.read import read
from tests.studies import builders as b

_COMMON = [row + 0xA0 for row in range(16, 56)]
HANZI = "".join(
    bytes([row, cell]).decode("gb2312") for row in _COMMON for cell in range(0xA1, 0xFA)
)
chinese = st.text(st.sampled_from(HANZI), min_size=2, max_size=20)


@given(chinese)
def test_declared_rightly(text: str) -> None:
    assert _text.decode(text.encode("gb18030"), ("GB18030",)) == (text, False)
    assert _text.decode(text.encode("gbk"), ("GBK",)) == (text, False)
    assert _text.decode(text.encode(), ("ISO_IR 192",)) == (text, False)
    escaped = b"Wang^Li=\x1b$)A" + text.encode("gb2312")
    assert _text.decode(escaped, ("", "ISO 2022 IR 58")) == ("Wang^Li=" + text, False)
    assert _text.decode(escaped, ()) == ("Wang^Li=" + text, True)


@given(chinese, st.sampled_from([(), ("ISO_IR 100",), ("ISO_IR 6",), ("NO SUCH SET",)]))
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


def test_japanese_and_korean_of_the_standard() -> None:
    # PS3.5 H.3.1 and I.2: the standard's own examples.
    japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    assert _text.decode(japanese, ("", "ISO 2022 IR 87")) == ("Yamada^Tarou=山田^太郎", False)
    korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"
    assert _text.decode(korean, ("", "ISO 2022 IR 149")) == ("Hong^Gildong=洪^吉洞", False)


@pytest.mark.parametrize("name", ["Müller^Jörg", "Größe^Noël", "Núñez^José", "Sørensen^Åse"])
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


@pytest.mark.parametrize("name", CASES)
def test_names_in_files(tmp_path: Path, name: str) -> None:
    declared, codec, repaired = CASES[name]
    dataset = b.radiograph(SpecificCharacterSet="ISO_IR 100", PatientName="NAME")
    path = b.write(dataset, tmp_path / "a.dcm")
    b.with_raw(path, 0x00080005, b"CS", declared)
    b.with_raw(path, 0x00100010, b"PN", "Zhang^Wei=张^伟".encode(codec))
    (study,) = read(path, tmp_path / "work").studies
    assert study.patient.name == "Zhang^Wei=张^伟"
    assert study.issues == (("charset_repaired",) if repaired else ())


def test_undecodable_name_does_not_fail_the_study(tmp_path: Path) -> None:
    path = b.write(b.radiograph(SpecificCharacterSet="GB18030"), tmp_path / "a.dcm")
    b.with_raw(path, 0x00100010, b"PN", b"Li^\x80\xff\x81\xfe\x80")
    (study,) = read(path, tmp_path / "work").studies
    assert study.patient.name.startswith("Li^") and "\ufffd" in study.patient.name
    assert study.issues == ("charset_repaired",)
