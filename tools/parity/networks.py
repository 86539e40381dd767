"""The networks that are compared, as PyTorch modules: a network is one row of NETWORKS (and a class, where torchvision has none)."""
import os

import torch
import torchvision
from torch import nn

import generator


class TinyDarknet(nn.Module):
    """Convolution, batch norm, leaky ReLU; 1x1 head and global average (shared/models/README.md gives the layout)."""
    CHANNELS = (16, 32, 16, 128, 16, 128, 32, 256, 32, 256, 64, 512, 64, 512, 128)
    KERNELS = (3, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)
    POOL_AFTER = (1, 2, 6, 10)

    def __init__(self):
        super().__init__()
        before = 3
        for i, (channels, kernel) in enumerate(zip(self.CHANNELS, self.KERNELS), 1):
            setattr(self, f"conv{i}", nn.Conv2d(before, channels, kernel, padding=kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(channels, eps=1e-3))
            setattr(self, f"act{i}", nn.LeakyReLU(0.1))
            if i in self.POOL_AFTER:
                setattr(self, f"pool{i}", nn.MaxPool2d(2, 2))
            before = channels
        self.conv16 = nn.Conv2d(before, 1000, 1)

    def forward(self, x):
        for i in range(1, 16):
            x = getattr(self, f"act{i}")(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
            if i in self.POOL_AFTER:
                x = getattr(self, f"pool{i}")(x)
        return self.conv16(x).mean((2, 3))


class Network:
    """`make`: a constructor without weights. `checkpoint`: a file of real weights; None: the generator's. `target`: the default
    layer for class activation maps. `depths`: layers whose gradient is compared. `gap`: CAM applies. `sizes`: batch, H, W. `resize`: short side of a photo before the crop to
    224. `unit`: values 0..1 without mean and deviation."""
    SIZES = ((1, 224, 224), (3, 224, 224), (1, 256, 320), (3, 256, 320))
    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, name, make, target, depths, checkpoint=None, gap=False, sizes=SIZES, resize=256, unit=False):
        self.name, self.make, self.target, self.depths = name, make, target, depths
        self.checkpoint, self.gap, self.sizes, self.resize, self.unit = checkpoint, gap, sizes, resize, unit

    def available(self, shared):
        return self.checkpoint is None or os.path.exists(os.path.join(shared, self.checkpoint))

    def state(self, shared):
        """The weights, float32, as a state dict."""
        if self.checkpoint:
            return torch.load(os.path.join(shared, self.checkpoint), map_location="cpu")
        return generator.fill(1, self.make().state_dict())

    def double(self, state):
        """The network in float64 with these weights, nothing of it asking for parameter gradients."""
        net = self.make().double().eval()
        net.load_state_dict(state)
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        return net

    def transform(self, size, resize=None):
        """torchvision's preprocessing: short side to `resize` and centre crop, or squash where resize is None."""
        t = torchvision.transforms
        fit = [t.Resize(resize), t.CenterCrop(size)] if resize else [t.Resize(size)]
        tail = [] if self.unit else [t.Normalize(self.MEAN, self.STD)]
        return t.Compose([*fit, t.ToTensor(), *tail])


def torchvision_net(name):
    """A constructor that does not spend time on initial weights."""
    def make():
        kept = nn.init.kaiming_normal_, nn.init.normal_, nn.init.kaiming_uniform_, nn.init.uniform_
        keep = lambda tensor, *_args, **_options: tensor
        nn.init.kaiming_normal_ = nn.init.normal_ = nn.init.kaiming_uniform_ = nn.init.uniform_ = keep
        try:
            return getattr(torchvision.models, name)(weights=None)
        finally:
            nn.init.kaiming_normal_, nn.init.normal_, nn.init.kaiming_uniform_, nn.init.uniform_ = kept
    return make


NETWORKS = [
    Network("alexnet", torchvision_net("alexnet"), "features.11", ("features.1", "features.6", "features.11")),
    Network("squeezenet1_1", torchvision_net("squeezenet1_1"), "features.12", ("features.1", "features.6", "features.12")),
    Network("squeezenet1_1 (trained)", torchvision_net("squeezenet1_1"), "features.12",
            ("features.1", "features.6", "features.12"), checkpoint="models/squeezenet1_1.pth"),
    Network("tiny_darknet (trained)", TinyDarknet, "act15", ("act1", "act7", "act15"),
            checkpoint="models/tiny_darknet.pth", gap=True, resize=224, unit=True),
    Network("vgg16", torchvision_net("vgg16"), "features.29", ("features.3", "features.15", "features.29"),
            sizes=Network.SIZES[:3]),
    Network("vgg16_bn", torchvision_net("vgg16_bn"), "features.42", ("features.5", "features.22", "features.42"),
            sizes=Network.SIZES[:3]),
]
