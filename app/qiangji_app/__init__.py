"""Workflow, storage, pages and network services (floor 4)."""
