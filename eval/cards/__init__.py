"""Cards of the ready evaluation sets, one YAML file each."""
