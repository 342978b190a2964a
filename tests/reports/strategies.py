"""Reports for property tests."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

from radraft.reports.people import Person, PersonKind
from radraft.reports.values import (
    LANGS,
    Certainty,
    Confirmation,
    ConfirmedLanguage,
    Evidence,
    Laterality,
    Origin,
    Report,
    Sentence,
    SignedReport,
    TemplateField,
    Wording,
)

text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Cn", "Co", "Zl", "Zp"])
    | st.sampled_from("左右肺\n\t"),
    max_size=30,
)
ids = st.from_regex(r"\A[a-z0-9][a-z0-9_.:-]{0,6}\Z")
people = st.one_of(
    st.builds(Person, kind=st.just(PersonKind.TYPED), name=st.just("王签名")),
    st.builds(
        Person, kind=st.just(PersonKind.ACCOUNT), name=st.just("李复核"), id=st.just("account-7")
    ),
)
moments = st.datetimes(timezones=st.just(UTC))
confirmations = st.none() | st.builds(Confirmation, by=people, at=moments)
template_fields = st.none() | st.builds(
    TemplateField, template_id=st.just("chest@1"), path=st.just("lungs/right")
)


@st.composite
def wordings(draw: st.DrawFn) -> tuple[Wording, ...]:
    """No language, one or both, each with its own origin and confirmation."""
    return tuple(
        Wording(lang, written, draw(st.sampled_from(Origin)), draw(confirmations))
        for lang in LANGS
        if (written := draw(text))
    )


sentences = st.builds(
    Sentence,
    id=ids,
    wordings=wordings(),
    finding=st.none() | st.just("effusion"),
    anatomy=st.none() | st.just("lung"),
    laterality=st.none() | st.sampled_from(Laterality),
    certainty=st.none() | st.sampled_from(Certainty),
    evidence=st.lists(
        st.builds(
            Evidence,
            image_id=st.just("a" * 64),
            support=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=2,
    ).map(tuple),
    kept=st.booleans(),
    template_field=template_fields,
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """A report of up to 8 sentences with distinct ids."""
    found = draw(st.lists(sentences, max_size=8, unique_by=lambda sentence: sentence.id))
    cut = draw(st.integers(0, len(found)))
    return Report("c-1", tuple(found[:cut]), tuple(found[cut:]))


@st.composite
def signed_reports(draw: st.DrawFn) -> SignedReport:
    """A signed version, not sealed."""
    return SignedReport(
        case_id="c-1",
        version=draw(st.integers(1, 9)),
        report=draw(reports()),
        draft_sha=draw(st.none() | st.just("d" * 64)),
        author=draw(people),
        reviewer=draw(st.none() | people),
        signed_at=draw(moments),
        confirmed=tuple(
            ConfirmedLanguage(lang, draw(people)) for lang in LANGS if draw(st.booleans())
        ),
        supersedes=draw(st.none() | st.just("e" * 64)),
        content_sha="",
    )


any_text = st.text(
    st.characters(codec="utf-8") | st.sampled_from("|^~\\&\r\n\x0b\x1c\u2028𠮷魏<>\"'{}$"),
    min_size=1,
    max_size=40,
)
"""What nobody would write, for what must hold of every text."""
