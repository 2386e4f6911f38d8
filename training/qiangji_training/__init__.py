"""Fit, calibrate and export with torch (floor 4, beside app)."""
