"""Whether a sentence advises something."""

from __future__ import annotations

import re

ADVICE = re.compile(
    r"建议|推荐|请结合|随诊|随访|请核对|进一步|必要时|advis|recommend|suggest(?:ed)?\b"
    r"|to be followed|please (?:see"
    r"|check|correlate)|correlat"
    r"|should be|consider |if clinically|repeat (?:ct|film|mr|us|within)|urgent|follow-up"
    r"|ct (?:in|to|if|after)|mr (?:in|to|if)|\bif needed|; ct\b|需(?:要|行|加做)?\s*(?:ct|mr"
    r"|超声|增强|复查"
    r"|穿刺)|(?:ct|mr\w*|ultrasound|biopsy) (?:is |are )?(?:needed|required|indicated)",
    re.IGNORECASE,
)
