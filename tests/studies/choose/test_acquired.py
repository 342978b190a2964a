"""What headers say of the technique, in closed words."""

from __future__ import annotations

import pytest

from radraft.studies.choose.acquired import acquired, contrast, kernel, role
from radraft.studies.values import Contrast, Kernel, Role, Technique
from tests.builders import make_study

CT = "1.2.840.10008.5.1.4.1.1.2"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.mark.parametrize(
    ("kinds", "described", "sop_class", "wanted"),
    [
        (("ORIGINAL", "PRIMARY", "AXIAL"), "5mm std", CT, Role.ORIGINAL),
        (("ORIGINAL", "PRIMARY", "LOCALIZER"), "", CT, Role.LOCALIZER),
        (("ORIGINAL", "PRIMARY", "AXIAL"), "定位像", CT, Role.LOCALIZER),
        (("ORIGINAL", "PRIMARY", "OTHER"), "T/S/C RF FAST PILOT", CT, Role.LOCALIZER),
        (("DERIVED ", "PRIMARY", "AXIAL"), "5/5mm Plain", CT, Role.DERIVED),
        (("DERIVED", "PRIMARY", "AXIAL"), "", CT, Role.DERIVED),
        (("DERIVED", "SECONDARY", "MPR"), "", CT, Role.REFORMATTED),
        (("DERIVED", "SECONDARY", "REFORMATTED"), "", CT, Role.REFORMATTED),
        (("DERIVED", "SECONDARY", "PROJECTION IMAGE", "CSA MIP"), "", CT, Role.REFORMATTED),
        (("ORIGINAL", "PRIMARY", "AXIAL"), "COR_MPR", CT, Role.REFORMATTED),
        (("DERIVED", "SECONDARY", "SCREEN SAVE"), "Rapport dose.", CT, Role.DOSE),
        ((), "剂量报告", CAPTURE, Role.DOSE),
        ((), "", CAPTURE, Role.CAPTURE),
        ((), "", CT, Role.ORIGINAL),
    ],
)
def test_roles(kinds: tuple[str, ...], described: str, sop_class: str, wanted: Role) -> None:
    said = Technique(modality="CT", image_type=kinds, series_description=described)
    assert role(said, sop_class) is wanted


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ("B31f", Kernel.SMOOTH), ("B70f", Kernel.SHARP), ("Br40d\\3", Kernel.SMOOTH),
        ("Bl57d", Kernel.SHARP), ("I50f", Kernel.SHARP), ("STANDARD", Kernel.SMOOTH),
        ("LUNG", Kernel.SHARP), ("BONEPLUS", Kernel.SHARP), ("FC08", Kernel.SMOOTH),
        ("FC52", Kernel.SHARP), ("FC30", Kernel.SHARP), ("C", Kernel.SMOOTH),
        ("L", Kernel.SHARP), ("YC", Kernel.SHARP), ("B_SOFT_B", Kernel.SMOOTH),
        ("B_VSHARP_C", Kernel.SHARP), ("", Kernel.UNKNOWN), ("whatever", Kernel.UNKNOWN),
    ],
)  # fmt: skip
def test_kernels(sent: str, wanted: Kernel) -> None:
    assert kernel(sent) is wanted


@pytest.mark.parametrize(
    ("described", "wanted"),
    [
        ("t2_tse_tra", Contrast.T2), ("AX T1 FLAIR", Contrast.FLAIR), ("t1_se_sag", Contrast.T1),
        ("T1_TRA+C", Contrast.T1_ENHANCED), ("AX T1 POST GD", Contrast.T1_ENHANCED),
        ("ep2d_diff_b1000_ADC", Contrast.ADC), ("DWI b1000", Contrast.DIFFUSION),
        ("T2* GRE", Contrast.SUSCEPTIBILITY), ("tirm_dark_fluid", Contrast.FLAIR),
        ("PD_FS_COR", Contrast.FAT_SUPPRESSED), ("TOF_3D", Contrast.ANGIOGRAPHY),
        ("pd_tse_sag", Contrast.PROTON), ("王小明", Contrast.UNKNOWN), ("", Contrast.UNKNOWN),
    ],
)  # fmt: skip
def test_contrasts(described: str, wanted: Contrast) -> None:
    assert contrast(described) is wanted


def test_nothing_a_person_wrote_passes() -> None:
    (instance,) = make_study().instances
    said = Technique(
        modality="PLANTED",
        body_part="PLANTED",
        laterality="P",
        kernel="PLANTED",
        station="PLANTED",
        operator="PLANTED",
        series_description="PLANTED T2",
    )
    instance = type(instance)(**{**vars(instance), "technique": said, "view_position": "PLANTED"})
    found = acquired(instance, "MR", (instance.sop_instance_uid,))
    assert "PLANTED" not in repr(found)
    assert found.contrast is Contrast.T2 and found.marked and found.modality == "MR"
