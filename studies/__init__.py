"""DICOM intake: files in, key images without identity out."""
