"""Who does what, in which order: Prefect flows, settings and the command line."""
