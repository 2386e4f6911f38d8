"""Numpy preprocessing: the same functions train and serve."""
