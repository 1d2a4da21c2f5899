import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from uncertlr.metrics import error_auroc


def predictions(wrong):
    probs = torch.tensor([[0.9, 0.1]]).repeat(len(wrong), 1)
    return probs, torch.tensor(wrong).long()


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_against_scikit_learn(pairs):
    values, wrong = map(list, zip(*pairs, strict=True))
    ours = float(error_auroc(torch.tensor(values, dtype=torch.float32), *predictions(wrong)))
    if len(set(wrong)) == 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(roc_auc_score(wrong, values), abs=1e-9)


def test_bad_input():
    probs, targets = predictions([True, False])
    with pytest.raises(ValueError, match=r"\[2\].*\[3\]"):
        error_auroc(torch.zeros(3), probs, targets)
