"""Gate, prediction, explanation, measurement and evaluation without torch (floor 3)."""
