"""The report's CNN trained at a fixed rate by a plain PyTorch loop that shares no code with the library."""

import torch
from torch import nn
from torchvision.transforms import v2


def build_network() -> nn.Sequential:
    """The report's CIFAR-10 network, layer for layer."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def step_losses(network: nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> list[float]:
    """The loss of each batch (normalized images, labels), with a step of Adam after it.

    Channels last in memory, as in the library: Adam's first steps divide by tiny gradients and so magnify the rounding by
    which the two layouts of a convolution differ.
    """
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-7, fused=True)
    network.train()
    losses = []
    for images, labels in batches:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train(train_set: tuple, val_set: tuple, epochs: int, seed: int) -> float:
    """Train on uint8 images [N, 3, 32, 32] with per-image flips and crops; returns the last epoch's validation accuracy."""
    torch.manual_seed(seed)
    (images, labels), (val_images, val_labels) = train_set, val_set
    scaled = images.float() / 255
    normalize = v2.Normalize(scaled.mean((0, 2, 3)).tolist(), scaled.std((0, 2, 3)).tolist())
    augment = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=4)])
    network = build_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-7, fused=True)
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(images)).split(64):
            inputs = normalize(torch.stack([augment(image) for image in images[batch]]).float() / 255)
            loss = nn.functional.cross_entropy(network(inputs), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(normalize(part.float() / 255)) for part in val_images.split(500)])
    return (logits.argmax(1) == val_labels).float().mean().item()
