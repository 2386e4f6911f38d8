"""Use cases: every page, command and protocol calls these."""
