"""Readers of public, labelled sets for training and evaluation; never imported by the product."""
