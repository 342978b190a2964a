"""What RadEval 2.2.1's values mean, by its own keys. English only, rounded to 4 digits."""

from __future__ import annotations

from radraft.eval.values import Better, Measure

_RADGRAPH = "RadGraph-XL entity and relation F1 (Delbrouck et al. 2022, 2024), mean over reports"
_CHEXBERT = "F1 of CheXbert labels (Smit et al. 2020), uncertain counted as present"

_ALL = (
    Measure("radgraph_simple", Better.HIGHER, f"{_RADGRAPH}; entities; 0 to 1."),
    Measure(
        "radgraph_partial",
        Better.HIGHER,
        f"{_RADGRAPH}; entities and whether they have a relation; 0 to 1.",
    ),
    Measure(
        "radgraph_complete", Better.HIGHER, f"{_RADGRAPH}; entities with their relations; 0 to 1."
    ),
    *(
        Measure(
            f"f1chexbert_{count}_{mean}_f1",
            Better.HIGHER,
            f"{_CHEXBERT}; {'14 labels' if count == 'all' else '5 common labels'}, {mean} mean; "
            "0 to 1.",
        )
        for mean in ("micro", "macro", "weighted")
        for count in ("5", "all")
    ),
    Measure(
        "green",
        Better.HIGHER,
        "GREEN (Ostmeier et al. 2024): matched findings over matched findings and significant "
        "errors, as judged by GREEN-RadLlama2-7B; mean over reports; 0 to 1.",
    ),
    Measure(
        "ratescore",
        Better.HIGHER,
        "RaTEScore (Zhao et al. 2024): similarity of medical entities weighted by their type, "
        "mean over reports; 0 to 1.",
    ),
    Measure(
        "radcliq_v1",
        Better.LOWER,
        "RadCliQ-v1 (Yu et al. 2023): errors a radiologist would count, predicted from BERTScore, "
        "CheXbert similarity, RadGraph F1 and BLEU-2; mean over reports; no fixed range.",
    ),
    Measure(
        "bleu",
        Better.HIGHER,
        "Corpus BLEU-4 on words split at spaces, one reference (the report-generation code); "
        "0 to 1.",
    ),
    *(
        Measure(
            f"rouge{kind}",
            Better.HIGHER,
            f"ROUGE-{kind} F1 of rouge-score with Porter stemming, mean over reports; 0 to 1.",
        )
        for kind in ("1", "2", "L")
    ),
)

MEASURES = {measure.name: measure for measure in _ALL}
