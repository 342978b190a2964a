"""UIDs of what the program makes itself."""

from __future__ import annotations

from pydicom.uid import UID

from radraft.studies.uids import named_uid


def test_the_same_names_give_the_same_uid_and_others_another() -> None:
    uid = named_uid("study", "1")
    assert uid == named_uid("study", "1")
    assert uid not in {named_uid("study", "2"), named_uid("series", "1")}
    assert UID(uid).is_valid
    assert uid.startswith("2.25.")


def test_the_uids_that_were_given_once_stay() -> None:
    assert named_uid("radraft", "wrap") == "2.25.59515597557927944978654344728363888654"
