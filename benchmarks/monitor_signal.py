"""How right the monitor's expected entropy is: its bias and standard deviation for every model of the tests.

The truth is the mean over 1,000 real dropout samples, their standard deviation that of one sample. The monitor observes 200
training passes of the same model. Run it with ``python -m benchmarks.monitor_signal [PASSES]``.
"""

import sys
import warnings

import torch
from torch import Tensor, nn

from tests.integrations.monitored_models import HEAD, LOGITS, call, sharper
from uncertlr.integrations import UncertaintyMonitor
from uncertlr.metrics.uncertainty import categorical_entropy
from uncertlr.schedulers import Threshold, UncertaintyLR

SAMPLES = 1000


def real_samples(model: nn.Module) -> Tensor:
    """Normalized entropy of single passes, [S]."""
    with torch.no_grad():
        probs = torch.stack([call(model)[1].float().softmax(-1) for _ in range(SAMPLES)])
    return categorical_entropy(probs).mean(1) / torch.tensor(float(probs.shape[-1])).log()


def observed(model: nn.Module, passes: int) -> tuple[Tensor, str | None]:
    """What the monitor gives in single passes, [N], and its way."""
    scheduler = UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), Threshold(threshold=0.5))
    with UncertaintyMonitor(model, scheduler) as monitor:
        for _ in range(passes):
            call(model)
    return torch.tensor([observation.value for observation in monitor.history]), monitor.way


def main(passes: int) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the scheduler, which is never stepped, says so
    columns = ("truth", "bias", "error of bias", "variance", "one sample's variance")
    print(f"{'model':26s} {'way':7s}" + "".join(f"{name:>23s}" for name in columns))
    for name in (*HEAD, *LOGITS):
        torch.manual_seed(0)
        model = sharper({**HEAD, **LOGITS}[name]()).train()
        values, way = observed(model, passes)
        samples = real_samples(model)
        error = (values.var() / len(values) + samples.var() / SAMPLES).sqrt()
        numbers = (samples.mean(), values.mean() - samples.mean(), error, values.var(), samples.var())
        print(f"{name:26s} {way or '-':7s}" + "".join(f"{float(number):23.2e}" for number in numbers), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
