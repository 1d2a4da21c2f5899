"""What uncertainty, training and the tools cost, against targets, hardware limits and other libraries: ``python -m benchmarks.costs``."""
