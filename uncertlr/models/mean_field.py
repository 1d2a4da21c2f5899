"""Variational inference: a Gaussian over every parameter of any module, each weight independent of the others."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F


class MeanField(nn.Module):
    r"""A module whose parameters are random: :math:`q(w) = \prod_i N(\mu_i, \sigma_i^2)`, :math:`\sigma = \log(1 + e^\rho)`.

    The module's own parameters are the means, so it is the same network with the same initial weights and with twice as many
    numbers to train. Graves 2011; the parameterization is that of Blundell et al. 2015.

    In training mode each call draws one sample of all weights from the global random stream, once for the whole batch, and
    an LSTM keeps it for all its time steps. In evaluation mode a call uses the means.

    Args:
        module: any module with parameters; it is held, not copied.
        prior_scale: standard deviation of the prior :math:`p(w) = N(0, s^2)`, the same for each parameter.
        initial_sigma: standard deviation that every weight starts with.

    Raises:
        ValueError: a scale is not positive, or there is no parameter to train.
    """

    def __init__(self, module: nn.Module, prior_scale: float = 1.0, initial_sigma: float = 0.003) -> None:
        super().__init__()
        if not (0 < prior_scale < math.inf and 0 < initial_sigma < math.inf):
            raise ValueError(f"MeanField: prior_scale={prior_scale} and initial_sigma={initial_sigma} must be positive")
        self.module = module
        self.prior_scale = prior_scale
        rho = math.log(math.expm1(initial_sigma))
        self.names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        if not self.names:
            raise ValueError("MeanField: the module has no parameter to train")
        self.rhos = nn.ParameterList(torch.full_like(mean, rho) for mean in self.means())

    def means(self) -> Iterator[nn.Parameter]:
        """The means, in the order of `rhos`."""
        return (self.module.get_parameter(name) for name in self.names)

    def sigmas(self) -> Iterator[Tensor]:
        """The standard deviations, in the order of `means`."""
        return (F.softplus(rho) for rho in self.rhos)

    def draw(self, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """One sample of all weights by name; gradients reach means and standard deviations.

        Args:
            generator: on the weights' device; None for the global stream.
        """
        weights = {}
        for name, mean, sigma in zip(self.names, self.means(), self.sigmas(), strict=True):
            noise = torch.empty_like(mean).normal_(generator=generator)
            weights[name] = torch.addcmul(mean, sigma, noise)
        return weights

    def forward(self, inputs: Tensor) -> Tensor:
        """What the module returns: for one draw of the weights in training mode, for their means in evaluation mode."""
        return self.call(inputs, self.draw()) if self.training else self.module(inputs)

    def call(self, inputs: Tensor, weights: dict[str, Tensor]) -> Tensor:
        """What the module returns with the given weights; its buffers are its own."""
        return functional_call(self.module, weights, (inputs,))  # type: ignore[no-any-return]

    def kl(self) -> Tensor:
        r"""Divergence of the posterior from the prior in nats, 0-dim.

        .. math:: \sum_i \log\frac{s}{\sigma_i} + \frac{\sigma_i^2 + \mu_i^2}{2 s^2} - \frac12

        Added to the mean loss of a batch over the number of training examples, it gives the negative evidence lower bound an
        example (Graves 2011, eq. 3).
        """
        total = torch.zeros((), device=self.rhos[0].device)
        for each in zip(self.means(), self.sigmas(), strict=True):
            # a sum over a million weights has more digits than half precision
            mean, sigma = (values.to(torch.promote_types(values.dtype, torch.float32)) for values in each)
            squares = (sigma.square().sum() + mean.square().sum()) / (2 * self.prior_scale**2)
            total = total + squares - sigma.log().sum() + mean.numel() * (math.log(self.prior_scale) - 0.5)
        return total
