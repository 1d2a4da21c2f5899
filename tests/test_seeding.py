import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.seeding import derive_seed, generator


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.text(max_size=20))
def test_seed_is_a_63_bit_function_of_its_arguments(seed, epoch, purpose):
    first = derive_seed(seed, epoch, purpose)
    assert first == derive_seed(seed, epoch, purpose)
    assert 0 <= first < 2**63


def test_any_argument_changes_the_stream():
    seeds = {derive_seed(s, e, p) for s in range(3) for e in range(3) for p in ("order", "augment")}
    assert len(seeds) == 18
    # the separator keeps (1, 11) and (11, 1) apart
    assert derive_seed(1, 11, "x") != derive_seed(11, 1, "x")


def test_generator_leaves_the_global_stream_alone():
    before = torch.random.get_rng_state()
    torch.rand(3, generator=generator(0, 1, "order"))
    assert torch.equal(before, torch.random.get_rng_state())
