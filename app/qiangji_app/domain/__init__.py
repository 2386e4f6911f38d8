"""Case, workflow, roles and events; standard library only."""
