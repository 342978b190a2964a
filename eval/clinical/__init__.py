"""Clinical metrics: what a draft states of the patient against what the reference states."""
