"""Rules with random settings, for the tests of what every rule promises."""

from hypothesis import strategies as st

from uncertlr.schedulers import BoldDriver, Bounds, Integral, Inverted, PowerLaw, RelativeThreshold, Replay, Threshold

signals = st.lists(st.floats(0, 1), max_size=60)
bounds = st.builds(Bounds, low=st.floats(1e-4, 1), high=st.floats(1, 100))
decisions = {"decrease": st.floats(0.01, 1), "increase": st.floats(1, 3), "bounds": bounds, "every": st.integers(1, 7)}

BOUNDED = {
    "threshold": st.builds(Threshold, threshold=st.floats(0, 1), dead_band=st.floats(0, 0.5), **decisions),
    "relative": st.builds(
        RelativeThreshold,
        relative_to=st.sampled_from(["mean", "quantile"]),
        scale=st.floats(0.1, 3),
        quantile=st.floats(0.05, 0.95),
        memory=st.floats(1, 50),
        dead_band=st.floats(0, 0.3),
        **decisions,
    ),
    "power law": st.builds(
        PowerLaw,
        exponent=st.floats(-4, 4),
        reference=st.floats(0, 1),
        warm_up=st.integers(1, 20),
        smoothing=st.floats(0, 0.99),
        bounds=bounds,
    ),
    "integral": st.builds(Integral, set_point=st.floats(0, 1), gain=st.floats(-2, 2), bounds=bounds),
    "bold driver": st.builds(BoldDriver, **decisions),
}
WITH_RANGE = {name: strategy for name, strategy in BOUNDED.items() if name != "bold driver"}
EVERY = BOUNDED | {
    "inverted": st.one_of(*WITH_RANGE.values()).map(Inverted),
    "replay": st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=70).map(Replay),
}
