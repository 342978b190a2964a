"""The finding vocabulary: codes, names, terms and label sets."""
