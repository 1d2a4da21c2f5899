import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from uncertlr.data import draw_flips_and_crops, flip_and_crop


def random_images(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("channels", "size", "padding"), [(3, 32, 4), (1, 8, 4), (3, 9, 2), (2, 5, 0)])
def test_equals_torchvision_image_by_image(channels, size, padding):
    images = random_images(64, channels, size, size)
    flip, top, left = draw_flips_and_crops(64, torch.Generator().manual_seed(2), padding)
    expected = []
    for image, mirrored, row, column in zip(images, flip.tolist(), top.tolist(), left.tolist(), strict=True):
        image = reference.horizontal_flip(image) if mirrored else image
        expected.append(reference.crop(reference.pad(image, [padding]), row, column, size, size))
    assert torch.equal(flip_and_crop(images, flip, top, left, padding), torch.stack(expected))


def test_every_corner_of_the_padding_by_hand():
    image = torch.tensor([[[[1, 2], [3, 4]]]], dtype=torch.uint8).expand(4, 1, 2, 2)
    flip = torch.tensor([False, False, True, True])
    top, left = torch.tensor([0, 2, 1, 1]), torch.tensor([0, 2, 1, 0])
    cut = flip_and_crop(image, flip, top, left, padding=1)[:, 0].tolist()
    assert cut == [[[0, 0], [0, 1]], [[4, 0], [0, 0]], [[2, 1], [4, 3]], [[0, 2], [0, 4]]]


def test_the_input_is_left_alone():
    images = random_images(8, 3, 8, 8)
    before = images.clone()
    flip_and_crop(images, *draw_flips_and_crops(8, torch.Generator().manual_seed(0)))
    assert torch.equal(images, before)


def test_draws_are_fair_and_reach_every_offset():
    flip, top, left = draw_flips_and_crops(20_000, torch.Generator().manual_seed(0))
    assert flip.float().mean().item() == pytest.approx(0.5, abs=0.02)
    for offsets in (top, left):
        assert torch.bincount(offsets, minlength=9).tolist() == pytest.approx([20_000 / 9] * 9, rel=0.1)
    assert torch.corrcoef(torch.stack([flip.float(), top.float(), left.float()])).triu(1).abs().max() < 0.03


def test_draws_are_the_ones_that_published_runs_used():
    flip, top, left = draw_flips_and_crops(6, torch.Generator().manual_seed(0))
    assert flip.tolist() == [True, False, True, True, True, False]
    assert top.tolist() == [7, 1, 1, 0, 8, 2]
    assert left.tolist() == [6, 3, 1, 2, 0, 0]
