"""The calibration curve as SVG."""

from __future__ import annotations

import io

from radraft.eval.looks.values import Calibration

LABELS = {
    "zh": ("影像支持度（奈特）", "正确句子的比例"),
    "en": ("image support (nats)", "share of right sentences"),
}


def calibration_svg(calibration: Calibration, lang: str = "en") -> str:
    """An `<svg>` element for an HTML page: share of right sentences by support with 95% intervals,
    and the share over all as a dashed line. The same values give the same bytes.

    Text stays text, in the page's own fonts.
    """
    # Not pyplot: it keeps figures and a backend for the whole process.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "radraft"}):
        figure = Figure(figsize=(5, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        bins = calibration.bins
        shares = [one.share for one in bins]
        below = [one.share - one.share_low for one in bins]
        above = [one.share_high - one.share for one in bins]
        axes.errorbar([one.mean for one in bins], shares, [below, above], fmt="o-", capsize=3)
        if calibration.sentences:
            axes.axhline(calibration.correct / calibration.sentences, ls="--", lw=1, c="grey")
        axes.set(ylim=(-0.02, 1.02))
        # Empty labels keep their room: matplotlib would look for a font with Chinese characters.
        axes.set(xlabel="@x@", ylabel="@y@")
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    x, y = LABELS[lang]
    svg = out.getvalue().replace("@x@", x).replace("@y@", y)
    return svg[svg.index("<svg") :]
