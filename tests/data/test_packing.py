import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.data.packing import pack_texts, unpack_texts


@given(st.lists(st.text()))
def test_texts_survive(texts):
    packed = pack_texts(texts)
    assert packed.dtype == np.uint8
    assert unpack_texts(packed) == texts
