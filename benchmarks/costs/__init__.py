"""What uncertainty, training and the tools cost, against targets, floors and peers: ``python -m benchmarks.costs``."""
