from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import MessageError
from radraft.reports.hl7_text import USUAL, Separators, escaped, parsed, segment_text, unescaped

MSH = "MSH|^~\\&|RIS|HOSPITAL|RADRAFT|NORTH|20261129101112||ORM^O01|C1|P|2.5.1"
OTHER = Separators("#", "@", "!", "%", "$")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
@pytest.mark.parametrize("separators", [USUAL, OTHER])
def test_what_is_escaped_reads_as_it_was(separators: Separators, text: str) -> None:
    written = escaped(text, separators)
    assert not set(written) & set(
        separators.field + separators.component + separators.repetition + separators.subcomponent
    )
    assert unescaped(written, separators) == text


def test_line_ends_are_escaped_and_come_back() -> None:
    assert escaped("a\r\nb\nc\rd") == "a\\.br\\b\\.br\\c\\.br\\d"
    assert unescaped("a\\.br\\b\\H\\c\\N\\") == "a\nbc"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\\X41\\\\x42\\", "AB"),
        ("\\Z1\\", "\\Z1\\"),
        ("C:\\films", "C:\\films"),
        ("\\XFF\\", "\\XFF\\"),
        ("", ""),
        ("\\", "\\"),
    ],
)
def test_what_is_no_known_escape_is_not_lost(written: str, read: str) -> None:
    assert unescaped(written) == read


def test_fields_components_and_repetitions_are_found_by_their_numbers() -> None:
    message = parsed(
        MSH + "\rPID|1||A^^^NORTH&1.2.3&ISO^MR~B^^^SOUTH^PI||Wei^Planted~魏^植入\r"
        'OBR|1|P1|""|CR1^Chest \\T\\ ribs^99S\r\r'
    )
    assert (message.kind, message.control_id, message.sender) == ("ORM^O01", "C1", "RIS|HOSPITAL")
    header = message.header
    assert (header.raw(1), header.raw(2), header.text(12)) == ("|", "^~\\&", "2.5.1")
    patient = message.first("PID")
    assert patient is not None
    first, second = patient.repetitions(3)
    assert patient.part(first) == "A"
    assert patient.part(first, 4) == "NORTH"
    assert patient.part(first, 4, 2) == "1.2.3"
    assert patient.part(second, 5) == "PI"
    assert patient.text(99) == patient.part(first, 99) == patient.text(3, 1, 9) == ""
    [order] = message.every("OBR")
    assert order.text(3) == ""
    assert order.text(4, 2) == "Chest & ribs"
    assert message.first("NTE") is None


def test_a_sender_names_its_own_separators() -> None:
    message = parsed("MSH#@!%$#RIS#HOSPITAL\nPID#1##A@B!C#x%S%y|z\n")
    patient = message.first("PID")
    assert patient is not None
    assert patient.text(3, 2) == "B"
    assert patient.text(4) == "x@y|z"


def test_free_text_with_separators_that_nobody_escaped_is_whole() -> None:
    order = parsed(MSH + "\rOBR|||||||||||||cough ^ 3 days~fever").segments[1]
    assert order.whole(13) == "cough ^ 3 days\nfever"


def test_segments_end_in_any_line_end_and_a_byte_order_mark_is_no_part_of_them() -> None:
    for end in ("\r", "\n", "\r\n"):
        assert len(parsed("\ufeff" + end + MSH + end + "PID|1" + end + end).segments) == 2


@pytest.mark.parametrize(
    "text",
    ["", "MSH", "PID|1", "hello", "MSH|^^~&|RIS", "MSHabcdefgh", "MSH|^~\\ |R", "\r\n"],
)
def test_what_begins_with_no_header_is_no_message(text: str) -> None:
    with pytest.raises(MessageError, match="hl7_not_a_message"):
        parsed(text)


def test_a_sender_that_leaves_separators_out_means_the_usual_ones() -> None:
    for encoding in ("", "^", "^~\\"):
        message = parsed(f"MSH|{encoding}|RIS\rPID|1||A^B\\T\\C")
        assert message.segments[1].separators == USUAL
        assert message.segments[1].text(3, 2) == "B&C"


def test_a_line_that_is_no_segment_is_named_by_its_number_alone() -> None:
    with pytest.raises(MessageError) as error:
        parsed(MSH + "\rPID|1\r魏植入 PLANTED\r")
    assert error.value.code == "hl7_segments"
    assert error.value.details == {"number": 3}
    assert "PLANTED" not in str(error.value)


def test_a_message_of_endless_segments_is_refused() -> None:
    with pytest.raises(MessageError, match="hl7_segments"):
        parsed(MSH + "\rNTE|1" * 5000)


def test_a_repr_shows_no_field() -> None:
    assert "PLANTED" not in repr(parsed(MSH + "\rPID|1||PLANTED"))


def test_a_segment_is_written_without_empty_fields_at_its_end() -> None:
    assert segment_text("MSA", "AA", "C1", "", "") == "MSA|AA|C1\r"
    assert segment_text("MSH", "RADRAFT", "NORTH") == "MSH|^~\\&|RADRAFT|NORTH\r"
