"""The wire: how studies come from other machines.

`dimse` is the DICOM listener, `dicomweb` the client of a PACS, `watched_folder` a folder that
others write into. What comes is checked (`incoming_files`) and handed to an inbox; what a message
means is decided elsewhere.
"""
