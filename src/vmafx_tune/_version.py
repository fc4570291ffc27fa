"""The version, alone in a module so that printing it imports nothing else."""

__all__ = ["__version__"]

__version__ = "0.1.0"
