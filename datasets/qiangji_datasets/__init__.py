"""Errors, label vocabulary, records, file formats and public data sets (floor 1)."""
