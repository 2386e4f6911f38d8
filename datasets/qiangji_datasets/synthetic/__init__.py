"""Synthetic recordings for demonstration and tests; never a real patient."""
