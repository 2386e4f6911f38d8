"""Seals on printed results: keys, signature schemes, QR codes, and checking a print."""
