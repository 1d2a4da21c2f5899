"""Costs against targets, hardware limits and other libraries: ``python -m benchmarks.costs``."""
