from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.vision_encoder.auroc import auroc


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30),
)
def test_auroc_is_the_share_of_rightly_ordered_pairs(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([row[0] for row in rows], dtype=np.float64)
    right = np.array([row[1] for row in rows])
    pairs = [(a, b) for a in scores[right] for b in scores[~right]]
    expected = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
    found = auroc(scores, right)
    if not pairs:
        assert found is None
    else:
        assert found == pytest.approx(expected / len(pairs))
