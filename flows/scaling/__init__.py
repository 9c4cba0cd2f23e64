"""Reading, checking and answering deliveries on several machines through Dask. See docs/scaling.md."""
