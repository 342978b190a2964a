"""Scores of RadEval (RadGraph-F1, CheXbert-F1, GREEN, ...), which has its own environment."""
