"""Signed results on paper: print page and PDF."""
