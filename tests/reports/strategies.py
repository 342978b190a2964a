"""Reports for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from radraft.reports.values import Certainty, Evidence, Laterality, Origin, Report, Sentence

text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("左右肺\n\t"),
    max_size=30,
)
ids = st.from_regex(r"\A[a-z0-9][a-z0-9_.:-]{0,6}\Z")
sentences = st.builds(
    Sentence,
    id=ids,
    zh=text,
    en=text,
    origin=st.sampled_from(Origin),
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
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """A report of up to 8 sentences with distinct ids."""
    found = draw(st.lists(sentences, max_size=8, unique_by=lambda sentence: sentence.id))
    cut = draw(st.integers(0, len(found)))
    return Report("c-1", tuple(found[:cut]), tuple(found[cut:]))
