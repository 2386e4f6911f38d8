"""Our values as FHIR R4 resources: pure functions, no exchange."""
