"""Preprocessing, sealed model bundles and network definitions (floor 2)."""
