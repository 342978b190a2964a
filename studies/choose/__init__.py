"""Which series, slices and windows of a study its key images are."""
