"""Readers of file formats; bytes in, checked records out."""
