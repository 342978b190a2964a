"""Studies that come by themselves: DICOM network, DICOMweb, a watched folder; into one inbox."""
