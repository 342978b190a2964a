"""What a site sends: volume, verdicts and reasons by week, device and operator."""
