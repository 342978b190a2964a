"""HL7 v2 messages as text: segments, separators and escapes (HL7 v2.5.1, chapter 2).

What a message's fields mean is said where they are used. Text here is decoded already: the bytes of
a character set may hold the separators (GBK's second bytes do).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from radraft.core.errors import MessageError

SEGMENT_END = "\r"
"""2.5.1 section 2.7.1; files and careless senders have line feeds too, which are read alike."""
MOST_SEGMENTS = 5000
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_CONTROLS = frozenset(map(chr, (*range(0x20), 0x7F)))
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Also those of Unicode: a receiver that works by lines ends a segment at them."""
_HEADERS = ("MSH", "FHS", "BHS")


@dataclass(frozen=True)
class Separators:
    """The characters that divide a message, as MSH-1 and MSH-2 name them."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding_characters(self) -> str:
        """Return MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent


USUAL = Separators()


def escaped(text: str, separators: Separators = USUAL) -> str:
    r"""Return `text` as it may stand in a field: separators as `\F\`, line ends as `\.br\`, other
    control characters as `\X0B\`: at them a receiver would cut the message (MLLP's frames)."""
    mark = separators.escape
    table = _escapes(separators)
    return f"{mark}.br{mark}".join(line.translate(table) for line in _LINE_END.split(text))


@cache
def _escapes(separators: Separators) -> dict[int, str]:
    """Return the escape of each character that has one, by its number."""
    codes = {control: f"X{ord(control):02X}" for control in _CONTROLS}
    codes |= {character: code for code, character in _codes(separators).items()}
    codes[separators.escape] = "E"
    mark = separators.escape
    return {ord(character): f"{mark}{code}{mark}" for character, code in codes.items()}


def unescaped(text: str, separators: Separators = USUAL) -> str:
    r"""Return the text that a field's value stands for.

    `\.br\` and `\.sp\` are line ends, `\X..\` of ASCII its characters, `\H\` and `\N\` nothing.
    What is no escape (a Windows path, say) stays as it stands: nothing of it is lost.
    """
    mark = separators.escape
    if not mark or mark not in text:
        return text
    pattern = re.escape(mark) + "([^" + re.escape(mark) + "]{1,64})" + re.escape(mark)
    known = _codes(separators) | {"E": mark, "H": "", "N": "", ".br": "\n", ".sp": "\n"}

    def plain(found: re.Match[str]) -> str:
        code = found.group(1)
        if code in known:
            return known[code]
        if re.fullmatch(r"X([0-7][0-9A-F])+", code, re.IGNORECASE):
            return bytes.fromhex(code[1:]).decode("ascii")
        return found.group(0)

    return re.sub(pattern, plain, text)


def _codes(separators: Separators) -> dict[str, str]:
    return {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
    }


@dataclass(frozen=True)
class Segment:
    """One segment; fields count from 1, as the standard counts them, also those of MSH."""

    name: str
    fields: tuple[str, ...] = field(repr=False)
    """As they stand in the message, from field 1."""
    separators: Separators = USUAL

    def raw(self, number: int) -> str:
        """Return a field as it stands in the message, empty where there is none."""
        value = self.fields[number - 1] if 0 < number <= len(self.fields) else ""
        # Two quotes say that a value was deleted (2.5.3.2).
        return "" if value == '""' else value

    def repetitions(self, number: int) -> tuple[str, ...]:
        """Return each repetition of a field that is not empty, as it stands in the message."""
        divided = _divided(self.raw(number), self.separators.repetition)
        return tuple(value for value in divided if value and value != '""')

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a part of the field's first repetition, without escapes; empty where it lacks."""
        return self.part((*self.repetitions(number), "")[0], component, subcomponent)

    def part(self, value: str, component: int = 1, subcomponent: int = 1) -> str:
        """Return a part of one of `repetitions`, as `text`."""
        of_field = _divided(value, self.separators.component)
        own = of_field[component - 1] if component <= len(of_field) else ""
        of_component = _divided(own, self.separators.subcomponent)
        found = of_component[subcomponent - 1] if subcomponent <= len(of_component) else ""
        return "" if found == '""' else unescaped(found, self.separators).strip()

    def components(self, value: str) -> tuple[str, ...]:
        """Return the components of one of `repetitions`, each whole: a sender that does not escape
        its `&` loses none of the words."""
        divided = _divided(value, self.separators.component)
        plain = (unescaped(own, self.separators).strip() for own in divided)
        return tuple("" if own == '""' else own for own in plain)

    def whole(self, number: int) -> str:
        """Return a field of free text (ST, TX, FT), its repetitions one a line: a sender that does
        not escape its separators loses none of the text."""
        lines = [unescaped(value, self.separators).strip() for value in self.repetitions(number)]
        return "\n".join(filter(None, lines))


@dataclass(frozen=True)
class Message:
    """One message."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """Return MSH."""
        return self.segments[0]

    @property
    def kind(self) -> str:
        """Return its type and event (MSH-9), as `ORM^O01`."""
        return f"{self.header.text(9)}^{self.header.text(9, 2)}".rstrip("^")

    @property
    def control_id(self) -> str:
        """Return MSH-10."""
        return self.header.text(10)

    @property
    def sender(self) -> str:
        """Return its sending application and facility (MSH-3, MSH-4), as `RIS|HOSPITAL`."""
        return f"{self.header.text(3)}|{self.header.text(4)}"

    def first(self, name: str) -> Segment | None:
        """Return the first segment of that name."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def every(self, name: str) -> tuple[Segment, ...]:
        """Return all segments of that name, in order."""
        return tuple(segment for segment in self.segments if segment.name == name)


def parsed(text: str) -> Message:
    """Return the message that `text` is. MessageError `hl7_not_a_message` where it does not begin
    with a header that can be read, `hl7_segments` where a line is no segment."""
    lines = [line for line in re.split(r"\r\n|\r|\n", text.lstrip("\ufeff \r\n")) if line.strip()]
    if not lines or lines[0][:3] not in _HEADERS or len(lines[0]) < 8:
        raise MessageError("hl7_not_a_message")
    if len(lines) > MOST_SEGMENTS:
        raise MessageError("hl7_segments", number=MOST_SEGMENTS + 1)
    separators = _separators(lines[0])
    return Message(
        tuple(_segment(line, number, separators) for number, line in enumerate(lines, 1))
    )


def _separators(header: str) -> Separators:
    divider = header[3]
    encoding = header[4:].split(divider, 1)[0]
    # 2.5.1 names four, 2.7 a fifth for truncation; some senders leave the last ones out.
    filled = (encoding[:4] + USUAL.encoding_characters[len(encoding[:4]) :])[:4]
    named = divider + filled
    if len(set(named)) < 5 or any(
        character.isalnum() or character.isspace() for character in named
    ):
        raise MessageError("hl7_not_a_message")
    return Separators(divider, *filled)


def _segment(line: str, number: int, separators: Separators) -> Segment:
    name, *fields = line.split(separators.field)
    if not _NAME.fullmatch(name):
        raise MessageError("hl7_segments", number=number)
    if name in _HEADERS:
        # MSH-1 is the separator itself.
        fields = [separators.field, *fields]
    return Segment(name, tuple(fields), separators)


def _divided(value: str, separator: str) -> list[str]:
    return value.split(separator)


def one_line(text: str) -> str:
    """Return `text` with a space for each line end: for values that have one line."""
    return _LINE_END.sub(" ", text)


def segment_text(name: str, *fields: str, separators: Separators = USUAL) -> str:
    """Return a segment with its end. `fields`: from field 1, of MSH from field 3, their texts
    escaped already."""
    if name in _HEADERS:
        fields = (separators.encoding_characters, *fields)
    return separators.field.join((name, *fields)).rstrip(separators.field) + SEGMENT_END
