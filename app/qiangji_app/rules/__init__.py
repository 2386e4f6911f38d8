"""Decision support: rules are versioned files with sources and cases, read and answered here."""
