"""Tables of a study: what its learning rates did; the data of its figures."""

from uncertlr.runs.files import Arrays


def within(trace: Arrays, steps: tuple[int, int]) -> Arrays:
    """A trace from one step to another, both included."""
    there = (trace["step"] >= steps[0]) & (trace["step"] <= steps[1])
    return {name: values[there] for name, values in trace.items()}
