"""Probes on other machines: a Dask cluster whose workers have vmafx-tune installed."""
