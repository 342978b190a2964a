"""How good an image is to read, among repeats of one view."""

from __future__ import annotations

from radraft.studies.values import KeyImage

_DETAIL = 2.0
_QUIET, _NOISE = 0.01, 40.0
"""Noise below the first costs nothing: blurring must not pay.

With these, chest films come before themselves blurred (2 pixels of 1024), noisy (12 levels of 256),
over-exposed (1.8 times) and flat (0.4 times): see the test of two takes.
"""


def worth(image: KeyImage) -> float:
    """More is better: detail, contrast and a full field, less what is black, white or noise.

    For comparing two takes of one view only: the sum means nothing between views.
    """
    from radraft.studies.quality.measure import measure

    seen = measure(image.pixels, image.values, image.window)
    good = _DETAIL * seen.sharpness + seen.contrast + seen.field
    return good - seen.black - seen.white - _NOISE * max(0.0, seen.noise - _QUIET)
