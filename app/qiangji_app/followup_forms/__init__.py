"""Record forms and schedules of the public-health programme, as data."""
