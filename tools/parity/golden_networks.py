"""The networks of the golden cases; tests/support/small_networks.c builds the same ones with the library's builder."""
import torch
import torchvision
from torch import nn


def alexnet_like():
    return nn.Sequential(
        nn.Conv2d(3, 12, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(12, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(20, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Dropout(),
        nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, 10))


def vgg_like(norm=False):
    layers, before = [], 3
    for channels in (8, 8, "M", 16, 16, "M", 24, "M"):
        if channels == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(before, channels, 3, padding=1), *([nn.BatchNorm2d(channels)] if norm else []), nn.ReLU()]
        before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((4, 4)), nn.Flatten(), nn.Linear(384, 40), nn.ReLU(), nn.Linear(40, 10))


class Fire(nn.Module):
    def __init__(self, c, squeeze, expand):
        super().__init__()
        self.squeeze, self.expand1x1 = nn.Conv2d(c, squeeze, 1), nn.Conv2d(squeeze, expand, 1)
        self.expand3x3, self.relu = nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU()

    def forward(self, x):
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], 1)


def fire_like():
    pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(nn.Conv2d(3, 12, 3, 2), nn.ReLU(), pool(), Fire(12, 6, 10), pool(), Fire(20, 8, 12),
                         nn.Conv2d(24, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def darknet_like():
    def block(c, k, size):
        return [nn.Conv2d(c, k, size, padding=size // 2, bias=False), nn.BatchNorm2d(k, eps=1e-3), nn.LeakyReLU(0.1)]
    return nn.Sequential(*block(3, 8, 3), nn.MaxPool2d(2, 2), *block(8, 16, 3), nn.MaxPool2d(2, 2), *block(16, 8, 1),
                         *block(8, 24, 3), nn.Conv2d(24, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Residual(nn.Module):
    """Dilated and grouped convolutions around a sum."""

    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=2, dilation=2, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(c)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))


def residual_like():
    return nn.Sequential(nn.Conv2d(3, 16, (5, 3), (2, 1), (1, 2)), nn.ReLU(), nn.AvgPool2d(3, 2, 1, count_include_pad=False),
                         Residual(16), nn.AvgPool2d(2), Residual(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


class Golden:
    """`layer`: the target; `size`: the input's batch, height, width; `gap`: CAM applies; `small`: no decision of the pass may be
    a near tie, so that every value can be compared point by point, and the picture is squashed to the input's size (others: short side
    to 256, centre crop)."""

    def __init__(self, make, layer, size, gap=False, small=True):
        self.make, self.layer, self.size, self.gap, self.small = make, layer, size, gap, small


GOLDEN = {
    "alexnet_like": Golden(alexnet_like, "7", (2, 96, 80)),
    "vgg_like": Golden(vgg_like, "11", (1, 48, 64)),
    "vgg_bn_like": Golden(lambda: vgg_like(True), "16", (2, 40, 40)),
    "fire_like": Golden(fire_like, "5", (1, 59, 67)),
    "darknet_like": Golden(darknet_like, "13", (1, 52, 44), gap=True),
    "residual_like": Golden(residual_like, "5", (2, 37, 41), gap=True),
    "alexnet": Golden(lambda: torchvision.models.alexnet(weights=None), "features.11", (1, 224, 224), small=False),
    "squeezenet1_1": Golden(lambda: torchvision.models.squeezenet1_1(weights=None), "features.12", (1, 224, 224), small=False),
}
