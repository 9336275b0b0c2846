"""Celeriac's operators: algorithms, artifact I/O and the process-pool runner."""

__version__ = "0.1.0"
