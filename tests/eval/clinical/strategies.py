"""Mentions for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import Certainty, Laterality

# Chains, variants, devices, criticals and plain findings, few enough to meet each other.
CODES = (
    "no_finding", "lung_opacity", "airspace_opacity", "pneumonia", "consolidation", "pneumothorax",
    "tension_pneumothorax", "pulmonary_nodule", "nodular_opacity", "pleural_effusion",
    "cardiomegaly", "bone_abnormality", "fracture", "rib_fracture", "support_device", "chest_tube",
    "intracranial_hemorrhage", "subdural_hematoma", "midline_shift",
)  # fmt: skip
assert set(CODES) <= set(vocabulary())

mentions = st.builds(
    Mention,
    code=st.sampled_from(CODES),
    polarity=st.sampled_from(Certainty),
    laterality=st.none() | st.sampled_from(Laterality),
)
texts = st.lists(mentions, max_size=6)
"""What an extractor would read in a report."""
pairs = st.tuples(texts, texts)
sets = st.lists(pairs, min_size=1, max_size=5)

SWAP = {
    None: None,
    Laterality.LEFT: Laterality.RIGHT,
    Laterality.RIGHT: Laterality.LEFT,
    Laterality.BILATERAL: Laterality.BILATERAL,
}
