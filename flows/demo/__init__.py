"""Sample values (Musterdaten) for a demo data root: a small world described in `world.yaml`."""
