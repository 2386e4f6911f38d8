"""CDS Hooks 2.0: what an electronic record sends becomes facts, answers become cards."""
