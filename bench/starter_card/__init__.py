"""How good the starter model is: every figure of its model card, and the card itself."""
