"""The gate: questions that signed reports must answer before training, and a candidate before it
serves."""
