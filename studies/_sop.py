"""Closed vocabularies: SOP classes, transfer syntaxes, modalities, body parts, views."""

from __future__ import annotations

import re

DIRECTORY = "1.2.840.10008.1.3.10"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
NOT_TO_DRAFT_FROM = frozenset(
    _STORAGE + tail
    for tail in (
        "481.2",  # RT Dose
        "66.4",  # Segmentation
        "66.7",  # Label Map Segmentation
        "30",  # Parametric Map
    )
)
"""Classes with pixels that are not pictures of a patient."""
_MODALITIES = {
    "1": "CR", "1.1": "DX", "1.1.1": "DX", "1.2": "MG", "1.2.1": "MG", "2": "CT", "2.1": "CT",
    "4": "MR", "4.1": "MR", "6.1": "US", "3.1": "US", "12.1": "XA", "12.2": "RF", "20": "NM",
    "128": "PT", "7": "OT",
}  # fmt: skip
_CODES = (
    "AR AS BI BMD CR CT DG DX ECG EPS ES GM HD IO IVOCT IVUS LS MG MR NM OAM OCT OP OPM OPT OPV "
    "OT PT PX RF RG SC SM TG US VA XA XC"
)
MODALITY_CODES = frozenset(_CODES.split())
"""Modality (0008,0060) of images, PS3.3 C.7.3.1.1.1; all others become `OT`."""
RADIOGRAPHS = frozenset({"CR", "DX", "RG", "IO", "PX", "MG"})

_SYNTAX = "1.2.840.10008.1.2"
DECODABLE = frozenset(
    {_SYNTAX}
    | {
        f"{_SYNTAX}.{tail}"
        for tail in (
            "1", "1.99", "2",
            "4.50", "4.51", "4.57", "4.70",  # JPEG
            "4.80", "4.81",  # JPEG-LS
            "4.90", "4.91",  # JPEG 2000
            "4.110", "4.111", "4.112",  # JPEG XL
            "4.201", "4.202", "4.203",  # High-Throughput JPEG 2000
            "5",  # RLE
        )
    }
)  # fmt: skip
"""Transfer syntaxes that the worker's plug-ins decode."""

_FRONTAL = frozenset({"PA", "AP"})
_LATERAL = frozenset({"LL", "RL", "LATERAL", "LAT", "LLD", "RLD", "LLAT", "RLAT"})
_TERMS = (
    "ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM AXILLA BACK BLADDER BRAIN BREAST BRONCHUS "
    "BUTTOCK CALCANEUS CALF CAROTID CEREBELLUM CERVIX CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS "
    "CLAVICLE COCCYX COLON CORNEA CORONARYARTERY CSPINE CTSPINE DUODENUM EAR ELBOW ESOPHAGUS "
    "EXTREMITY EYE EYELID FACE FEMUR FINGER FOOT FOREARM GALLBLADDER HAND HEAD HEADNECK HEART HIP "
    "HUMERUS ILEUM ILIUM JAW JEJUNUM KIDNEY KNEE LARYNX LEG LIVER LSPINE LSSPINE LUNG MANDIBLE "
    "MAXILLA MEDIASTINUM MOUTH NECK NOSE ORBIT OVARY PANCREAS PAROTID PATELLA PELVIS PENIS PHARYNX "
    "PROSTATE RECTUM RIB SACRUM SCALP SCAPULA SCROTUM SELLA SHOULDER SKULL SPINE SPLEEN STERNUM "
    "STOMACH SUBMANDIBULAR TESTIS THIGH THUMB THYMUS THYROID TLSPINE TMJ TOE TONGUE TRACHEA TSPINE "
    "URETER URETHRA UTERUS VAGINA WHOLEBODY WRIST ZYGOMA"
)
_BODY_PARTS = frozenset(_TERMS.split())
"""Defined terms of PS3.16 Annex L that can be examined."""
_ALIASES = {
    "THORAX": "CHEST", "胸部": "CHEST", "胸": "CHEST", "ABD": "ABDOMEN", "腹部": "ABDOMEN",
    "头部": "HEAD", "颅脑": "HEAD", "头颅": "SKULL", "骨盆": "PELVIS", "盆腔": "PELVIS",
    "膝": "KNEE", "膝关节": "KNEE", "颈椎": "CSPINE", "胸椎": "TSPINE", "腰椎": "LSPINE",
    "手": "HAND", "足": "FOOT", "颈部": "NECK", "乳腺": "BREAST", "LUNGS": "LUNG",
    "LUMBARSPINE": "LSPINE", "CERVICALSPINE": "CSPINE", "THORACICSPINE": "TSPINE",
}  # fmt: skip


def is_image(sop_class: str) -> bool:
    """Return whether this storage class is one of images, by its name in PS3.6."""
    from pydicom.uid import UID

    return "Image Storage" in UID(sop_class).name


def modality(sop_class: str) -> str:
    """Modality that a storage class implies; empty where it implies none."""
    return _MODALITIES.get(sop_class.removeprefix(_STORAGE), "")


def view_position(sent: str, *descriptions: str) -> str:
    """View Position (0018,5101); where not sent, the one word of a description that is one."""
    if sent:
        return sent[:16]
    words = {word for text in descriptions for word in re.findall(r"[A-Z]+", text.upper())}
    if any("正位" in text for text in descriptions):
        words.add("PA")
    if any("侧位" in text for text in descriptions):
        words.add("LL")
    named = sorted(words & (_FRONTAL | _LATERAL))
    return named[0] if len(named) == 1 else ""


def view_kind(position: str) -> str:
    """`frontal`, `lateral` or `unknown`."""
    code = re.sub(r"[^A-Z]", "", position.upper())
    if code in _FRONTAL or code in {"APSUPINE", "APAXIAL", "PASUPINE"}:
        return "frontal"
    return "lateral" if code in _LATERAL else "unknown"


def body_part(sent: str, description: str) -> str:
    """Return a defined term of PS3.16 Annex L, or empty: free text never passes.

    Where no body part was sent, a description that names exactly one chest or abdomen says it.
    """
    code = re.sub(r"[\s_\-/,.]", "", sent.upper())
    term = _ALIASES.get(code, code)
    if term in _BODY_PARTS or sent.strip():
        return term if term in _BODY_PARTS else ""
    chest = re.search(r"CHEST|THORAX|胸部|胸片|胸正", description.upper()) is not None
    abdomen = re.search(r"ABD|腹", description.upper()) is not None
    if chest == abdomen:
        return ""
    return "CHEST" if chest else "ABDOMEN"
