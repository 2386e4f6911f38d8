"""A small demonstration county, made of synthetic recordings; never in a real installation."""
