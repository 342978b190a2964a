"""De-identification of DICOM files and of what is burned into their pixels (PS3.15 Annex E)."""
