"""Models of other people's kinds, each with one training step; for the tests of `UncertaintyMonitor`."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint


class Small(nn.Module):
    """Dense, ReLU, dropout, dense: its head can be recognised."""

    def __init__(self, inplace=False):
        super().__init__()
        self.first, self.dropout, self.out = nn.Linear(6, 8), nn.Dropout(0.5, inplace), nn.Linear(8, 3)

    def forward(self, x):
        hidden = self.first(x)
        # torch refuses to change the result of a ReLU in place: its gradient needs it.
        return self.out(self.dropout(hidden if self.dropout.inplace else torch.relu(hidden)))


class MergedInEval(Small):
    """As adapters do it: `eval()` merges a weight into another and `train()` takes it out again, with rounding."""

    def __init__(self):
        super().__init__()
        self.adapter, self.merged = nn.Parameter(0.01 * torch.randn(8, 6)), False

    def train(self, mode=True):
        if mode == self.merged:
            with torch.no_grad():
                self.first.weight.add_(self.adapter, alpha=-1.0 if mode else 1.0)
            self.merged = not mode
        return super().train(mode)

    def forward(self, x):
        return self.out(self.dropout(torch.relu(self.first(x) + nn.functional.linear(x, self.adapter))))


class AuxiliaryLoss(Small):
    def forward(self, x):
        hidden = self.first(x)
        self.auxiliary = hidden.square().mean()
        return self.out(self.dropout(hidden))


class Counter(Small):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(self.norm(x))


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.dropout, self.out = nn.LazyLinear(8), nn.Dropout(0.5), nn.LazyLinear(3)

    def forward(self, x):
        if not hasattr(self, "built"):
            self.built = nn.Linear(8, 8, device=x.device)
        return self.out(self.dropout(self.built(self.first(x))))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dropout, self.out = nn.LSTM(6, 8, batch_first=True), nn.Dropout(0.5), nn.Linear(8, 3)
        self.state = None

    def forward(self, x):
        output, state = self.lstm(x[:, None], self.state)
        self.state = tuple(each.detach() for each in state)
        return self.out(self.dropout(output[:, -1]))


class Consuming(Small):
    """Changes its input in place and empties the list that it is given."""

    def forward(self, batches):
        x = batches.pop()
        x.mul_(2.0)
        return super().forward(x)


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 8))
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.dropout(checkpoint(self.body, x, use_reentrant=False)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.dropout(self.layer(x[:, None].expand(-1, 4, -1)).mean(1)))


class TemperatureAfter(Small):
    temperature = 2.0

    def forward(self, x):
        return super().forward(x) / self.temperature


class Selection(Small):
    def forward(self, x):
        return super().forward(x)[::2]


@dataclass
class Output:
    logits: torch.Tensor
    hidden: torch.Tensor


class AsDataclass(Small):
    def forward(self, x):
        return Output(super().forward(x), x)


class ZeroedInPlace(Small):
    """Sets some features to 0 after the dropout, which then look as if they were dropped."""

    def forward(self, x):
        hidden = self.dropout(torch.relu(self.first(x)))
        hidden[:, :4] = 0.0
        return self.out(hidden)


class FeaturesReused(Small):
    """Changes the dropout's input in place when the dropout has run."""

    def forward(self, x):
        hidden = self.first(x)
        dropped = self.dropout(hidden)
        hidden.mul_(3.0)
        return self.out(dropped)


class MaskedClasses(Small):
    """Some classes are impossible."""

    def forward(self, x):
        return super().forward(x).masked_fill(torch.tensor([True, False, False]), -torch.inf)


class FrozenBody(Small):
    """All but the last layer runs in inference mode, dropout included."""

    def forward(self, x):
        with torch.inference_mode():
            hidden = self.dropout(self.first(x))
        return self.out(hidden.clone())


class FeatureLoss(Small):
    """A hook of the user's takes features out, and they enter the loss."""

    def __init__(self):
        super().__init__()
        self.first.register_forward_hook(self._keep)

    def _keep(self, module, args, output):
        self.auxiliary = output.square().mean()


class LastOfLSTM(nn.Module):
    """Dropout in and after a recurrent network, time first or batch first."""

    def __init__(self, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, dropout=0.3, batch_first=batch_first)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        sequence = torch.stack([x, 2 * x, -x], 1 if self.lstm.batch_first else 0)
        _, (state, _) = self.lstm(sequence)
        return self.out(self.dropout(state[-1]))


class EachStep(LastOfLSTM):
    """Logits for every step, [T, B, C] or [B, T, C]."""

    def forward(self, x):
        sequence = torch.stack([x, 2 * x, -x], 1 if self.lstm.batch_first else 0)
        return Output(self.out(self.dropout(self.lstm(sequence)[0])), x)


class Functional(Small):
    """Called by `torch.func` with parameters of its own."""

    def forward(self, x):
        weights = {name: each * 1.0 for name, each in self.first.named_parameters()}
        return self.out(self.dropout(torch.relu(functional_call(self.first, weights, (x,)))))


def tiny_bert(**dropouts):
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForSequenceClassification(
        BertConfig(vocab_size=30, max_position_embeddings=32, num_labels=3, **sizes, **dropouts)
    )


def tiny_roberta():
    from transformers import RobertaConfig, RobertaForSequenceClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return RobertaForSequenceClassification(
        RobertaConfig(vocab_size=30, max_position_embeddings=32, num_labels=3, pad_token_id=0, **sizes)
    )


def tiny_distilbert():
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    return DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=30, max_position_embeddings=32, num_labels=3, **sizes)
    )


def sharper(model):
    """Set logits far enough apart that dropout matters."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        for name, parameter in model.named_parameters():
            if name in ("classifier.weight", "classifier.out_proj.weight"):
                parameter.mul_(20.0)
    return model


def tokens():
    return torch.randint(1, 30, (8, 10), generator=torch.Generator().manual_seed(1))


def rows():
    return torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


HEAD = {
    "plain": Small,
    "in-place dropout": lambda: Small(inplace=True),
    "merged in eval": MergedInEval,
    "auxiliary loss": AuxiliaryLoss,
    "counter": Counter,
    "recurrent": Recurrent,
    "consuming": Consuming,
    "checkpointed": Checkpointed,
    "encoder layer": Encoder,
    "dataclass": AsDataclass,
    "feature hook in the loss": FeatureLoss,
    "LSTM, time first": lambda: LastOfLSTM(batch_first=False),
    "LSTM, batch first": lambda: LastOfLSTM(batch_first=True),
    "functional": Functional,
    "bert": tiny_bert,
    "roberta": tiny_roberta,
    "distilbert": tiny_distilbert,
}
"""Models whose head is recognised."""

LOGITS = {
    "no dropout": lambda: nn.Linear(6, 3),
    "temperature": TemperatureAfter,
    "selection": Selection,
    "bert, attention dropout": lambda: tiny_bert(hidden_dropout_prob=0.0),
    "hooked": lambda: _hooked(),
    "hooked dropout": lambda: _hooked_dropout(),
    "replaced dropout": lambda: _replaced_dropout(),
    "zeroed in place": ZeroedInPlace,
    "features reused": FeaturesReused,
    "inference mode": FrozenBody,
    "parametrized": lambda: _parametrized(),
    "compiled": lambda: torch.compile(Small(), backend="aot_eager"),
}
"""Models of which the pass's own logits are used."""


def _hooked():
    model = Small()
    model.out.register_forward_hook(lambda module, args, output: output * 1.5)
    return model


def _hooked_dropout():
    model = Small()
    model.dropout.register_forward_hook(lambda module, args, output: output * _last_half(output))
    return model


def _replaced_dropout():
    model = Small()
    forward = model.dropout.forward
    model.dropout.forward = lambda x: forward(x) * _last_half(x)
    return model


def _last_half(features):
    return torch.arange(8, device=features.device) > 3


def _parametrized():
    model = Small()
    nn.utils.parametrizations.weight_norm(model.out)
    return model


def call(model, batch=None):
    """One forward pass, on the model's device; gives output and logits."""
    device = next(model.parameters()).device
    if hasattr(model, "config"):
        output = model(input_ids=tokens().to(device))
    elif isinstance(model, Consuming):
        output = model([rows().to(device)])
    else:
        output = model(rows().to(device) if batch is None else batch)
    return output, output if isinstance(output, torch.Tensor) else output.logits
