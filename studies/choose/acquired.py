"""What a header says of the technique, reduced to closed vocabularies and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection

from radraft.studies import _sop
from radraft.studies.values import Acquired, Contrast, Instance, Kernel, Role, Technique

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_FOR_PROCESSING = frozenset(f"1.2.840.10008.5.1.4.1.1.1.{tail}" for tail in ("1.1", "2.1", "3.1"))
"""Digital X-ray, mammography and intra-oral, each For Processing (PS3.6 A)."""
_PROJECTIONS = frozenset(
    {
        "PA", "AP", "LL", "RL", "LLD", "RLD", "LLO", "RLO", "RAO", "LAO", "RPO", "LPO", "CC",
        "MLO", "ML", "LM", "LMO", "XCCL", "XCCM", "FB", "SIO", "CV", "AT",
    }
)  # fmt: skip
_LOCALIZERS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW"})
_REFORMATTED = re.compile(
    r"^(MPR|REFORMATTED|PROJECTION IMAGE|MIP|MINIP|MINIMUM_IP|MAX_IP|VRT|VOLREN|3D|CPR|CSA.*"
    r"|MPVR|AVERAGE|RECON TEMPLATE)$"
)
_SAYS_DOSE = re.compile(r"\bDOSE?\b|PATIENT PROTOCOL|剂量", re.I)
_SAYS_LOCALIZER = re.compile(
    r"\bSCOUT|TOPOGRAM|\bLOCALI[SZ]ER|\bLOC\b|SURVIEW|\bSURVEY\b|\bPILOT\b|3[ -]?PLANE|定位", re.I
)
_SAYS_REFORMATTED = re.compile(
    r"\bMPR\b|\bMIP\b|\bMINIP\b|\bVRT?\b|\bCPR\b|REFORMAT|重建图|重组", re.I
)
_SHARP = re.compile(
    r"LUNG|BONE|EDGE|SHARP|DETAIL|ULTRA|\bYA\b|\bYB\b|\bYC\b|\bYD\b|^[LDE]$|FC(3[0-5]|5\d|8\d)"
)
_SMOOTH = re.compile(r"STAN|SOFT|SMOOTH|BRAIN|BODY|^[ABC]$|FC(0?\d|1\d|2\d|4\d|6\d)\b")
_SIEMENS = re.compile(r"^[BHIUJDQ][A-Z]?(\d\d)")
_CONTRASTS = (
    (Contrast.ADC, r"\bADC\b|APPARENT DIFFUSION"),
    (Contrast.DIFFUSION, r"\bDWI\b|DIFF(?!USION TENSOR)|\bDTI\b|\bB ?(800|1000|1500)\b|弥散|扩散"),
    (Contrast.SUSCEPTIBILITY, r"\bSWI|\bSWAN|T2 ?\*|\bGRE\b|\bHEMO"),
    (Contrast.ANGIOGRAPHY, r"\bTOF\b|\bMRA\b|ANGIO|\bMRV\b"),
    (Contrast.FLAIR, r"FLAIR|DARK[ -]?FLUID|\bTIRM DARK"),
    (Contrast.FAT_SUPPRESSED, r"\bSTIR\b|\bTIRM\b|\bSPAIR\b|\bSPIR\b|\bFS\b|FAT ?SAT|压脂|抑脂"),
    (Contrast.T1_ENHANCED, r"T1.*(\+ ?C\b|\bGD\b|\bGAD|\bPOST\b|\bCE\b|C\+|增强)|增强"),
    (Contrast.T1, r"T1|\bMPRAGE\b|\bBRAVO\b|\bVIBE\b|\bLAVA\b"),
    (Contrast.T2, r"T2|\bHASTE\b|\bSSFSE\b"),
    (Contrast.PROTON, r"\bPD"),
)
"""The first that a series description matches; underscores count as spaces."""


def acquired(instance: Instance, modality: str, marked: Collection[str]) -> Acquired:
    """Technique of `instance` of a study of `modality`; `marked` are selected SOP Instance UIDs."""
    said = instance.technique
    own = said.modality if said.modality in _sop.MODALITY_CODES else modality
    projection = re.sub(r"[^A-Z]", "", instance.view_position.upper())
    return Acquired(
        modality=own,
        body_part=_sop.body_part(said.body_part, ""),
        laterality=said.laterality if said.laterality in {"L", "R", "B", "U"} else "",
        projection=projection if projection in _PROJECTIONS else "",
        role=role(said, instance.sop_class_uid),
        for_processing=instance.sop_class_uid in _FOR_PROCESSING,
        kernel=kernel(said.kernel) if own == "CT" else Kernel.UNKNOWN,
        contrast=contrast(said.series_description) if own == "MR" else Contrast.UNKNOWN,
        thickness=said.slice_thickness,
        position=said.position,
        orientation=said.orientation,
        series_number=instance.series_number,
        marked=instance.sop_instance_uid in marked,
    )


def role(said: Technique, sop_class: str) -> Role:
    """Return what an instance is, by Image Type (0008,0008), its class and what its series is
    called."""
    kinds = {part.strip() for part in said.image_type}
    called = said.series_description.replace("_", " ")
    if _SAYS_DOSE.search(called):
        return Role.DOSE
    if kinds & _LOCALIZERS or (said.modality in {"CT", "MR"} and _SAYS_LOCALIZER.search(called)):
        return Role.LOCALIZER
    if sop_class.startswith(_CAPTURE) or "SCREEN SAVE" in kinds:
        return Role.CAPTURE
    if any(_REFORMATTED.match(kind) for kind in kinds) or _SAYS_REFORMATTED.search(called):
        return Role.REFORMATTED
    return Role.DERIVED if "DERIVED" in kinds else Role.ORIGINAL


def kernel(sent: str) -> Kernel:
    """Sharpness of a Convolution Kernel (0018,1210) by the names that makers give theirs."""
    name = sent.upper().split("\\")[0].strip()
    siemens = _SIEMENS.match(name)
    if siemens:
        # Their number grows with sharpness; from 50 on it is for lung and bone.
        return Kernel.SHARP if int(siemens[1]) >= 50 else Kernel.SMOOTH
    if _SHARP.search(name):
        return Kernel.SHARP
    return Kernel.SMOOTH if _SMOOTH.search(name) else Kernel.UNKNOWN


def contrast(description: str) -> Contrast:
    """Weighting that a series description names."""
    text = description.upper().replace("_", " ")
    return next(
        (contrast for contrast, words in _CONTRASTS if re.search(words, text)), Contrast.UNKNOWN
    )
