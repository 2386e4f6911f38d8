"""HTTP: REST API and pages."""
