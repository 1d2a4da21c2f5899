"""The report's networks, layer for layer. Each is a `SplitClassifier`.

`features` is the deterministic trunk; `head` holds every stochastic layer, which in these networks is one dropout before
the last dense layer. So many samples of the prediction cost one pass through the trunk and as many small matrix products.
Where the report leaves a size open (kernel 3 with padding 1, pooling by 2) the customary one is used.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CNN(nn.Module):
    """Two blocks of convolution, batch normalization, ReLU and max-pooling; dense, ReLU, dropout; dense.

    Args:
        image_size: height and width in pixels; at least `SMALLEST`.
        in_channels: 1 for grey, 3 for colour.
        num_classes: number of logits.
        channels: output channels of the two convolutions.
        hidden_size: width of the dense layer.
        dropout: probability that a hidden unit is dropped.
    """

    SMALLEST = 4
    """Pixels a side, so that two poolings leave something."""

    def __init__(
        self,
        image_size: int,
        in_channels: int,
        num_classes: int,
        channels: Sequence[int] = (32, 64),
        hidden_size: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        first, second = channels
        self.trunk = nn.Sequential(
            *_block(in_channels, first),
            *_block(first, second),
            nn.Flatten(),
            nn.Linear(second * (image_size // 4) ** 2, hidden_size),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] images to [B, hidden_size]."""
        return self.trunk(inputs)  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] images to [B, num_classes] logits."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


class LSTMClassifier(nn.Module):
    """Embedding, one LSTM layer, dropout on its last state, dense.

    Two classes get one logit, that of class 1, as the report's dense-sigmoid layer has it; more classes get one each.
    Inputs are right-padded with 0. The state is read at each text's own last token, so padding never reaches it.
    The forget gate's bias starts at 1, the customary value (Jozefowicz et al. 2015), so that the memory starts open.
    """

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        embedding_size: int = 128,
        hidden_size: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, 1 if num_classes == 2 else num_classes))
        with torch.no_grad():
            # torch adds two biases and orders the gates input, forget, cell, output
            for name, value in (("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
                self.lstm.get_parameter(name)[hidden_size : 2 * hidden_size] = value

    def features(self, inputs: Tensor) -> Tensor:
        """[B, L] token ids, 0 for padding, to [B, hidden_size]."""
        last = (inputs != 0).sum(1).clamp(min=1) - 1
        outputs, _ = self.lstm(self.embedding(inputs))
        return outputs[torch.arange(len(inputs), device=inputs.device), last]  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, L] token ids to [B, 1] logits for two classes, [B, C] for more."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """The report's `Model`: dense, ReLU, (dropout,) dense. Dropout 0 is its original code, 0.5 its updated code."""

    def __init__(self, input_size: int, num_classes: int, hidden_size: int = 128, dropout: float = 0.5) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(input_size, hidden_size), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """[B, ...] inputs to [B, hidden_size]."""
        return self.trunk(inputs)  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, ...] inputs to [B, num_classes] logits."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A small residual network: a convolution, three stages of one block each, mean over positions; dropout, dense.

    The first stage keeps the image's size, each further one halves it and doubles the channels (He et al. 2016, section 4.2,
    with one block a stage and a 1 x 1 convolution where the shape changes).

    Args:
        in_channels: 1 for grey, 3 for colour.
        num_classes: number of logits.
        channels: of the first stage.
        dropout: probability that a feature is dropped before the dense layer.
    """

    def __init__(self, in_channels: int, num_classes: int, channels: int = 32, dropout: float = 0.5) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(in_channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            _Residual(channels, channels, stride=1),
            _Residual(channels, 2 * channels, stride=2),
            _Residual(2 * channels, 4 * channels, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * channels, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] images to [B, 4 * channels]."""
        return self.trunk(inputs)  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] images to [B, num_classes] logits."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    """Two convolutions with batch normalization, added to what went in."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.changed = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        same = stride == 1 and in_channels == out_channels
        self.kept = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] to [B, out_channels, H / stride, W / stride]."""
        return torch.relu(self.kept(inputs) + self.changed(inputs))


def _block(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
