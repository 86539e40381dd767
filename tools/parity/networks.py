"""The networks that are compared, as PyTorch modules: a network is one row of NETWORKS (and a class, where torchvision has none)."""
import contextlib
import os
from collections import OrderedDict

import torch
import torchvision
from PIL import Image
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


class ResNetCifar(nn.Module):
    """He et al. 2016, section 4.2: a 3x3 stem without pooling and three stages of 16, 32 and 64 channels."""

    def __init__(self, blocks=3, classes=10):
        super().__init__()
        block = torchvision.models.resnet.BasicBlock
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        before = 16
        for stage, channels in enumerate((16, 32, 64), 1):
            stride = 1 if stage == 1 else 2
            shortcut = None
            if stride > 1:
                shortcut = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            first = block(before, channels, stride, shortcut)
            setattr(self, f"layer{stage}", nn.Sequential(first, *(block(channels, channels) for _ in range(blocks - 1))))
            before = channels
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(64, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(self.avgpool(x).flatten(1))


def load(net, state):
    """load_state_dict, also for modules that look at the version of what they load."""
    state = OrderedDict(state)
    state._metadata = net.state_dict()._metadata
    net.load_state_dict(state)


class Network:
    """`make`: a constructor without weights. `checkpoint`: a file of real weights; None: the generator's. `target`: the default
    layer for class activation maps. `depths`: layers whose gradient is compared. `gap`: CAM applies. `sizes`: batch, H, W. `resize`, `crop`: of a
    photo; `filter`: of its resize. `unit`: values 0..1 without mean and deviation. `opset`: operator set of its ONNX export; None: not
    exported. `guided`: its activations are operators of that set, so that rules of activations mean the same for the export. `settle`:
    side of the pictures that batch-norm statistics come from; None: random ones."""
    SIZES = ((1, 224, 224), (3, 224, 224), (1, 256, 320), (3, 256, 320))
    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, name, make, target, depths, checkpoint=None, gap=False, sizes=SIZES, resize=256, crop=224, unit=False,
                 opset=None, settle=None, guided=True):
        self.name, self.make, self.target, self.depths, self.opset = name, make, target, depths, opset
        self.checkpoint, self.gap, self.sizes, self.resize, self.crop, self.unit = checkpoint, gap, sizes, resize, crop, unit
        self.settle, self.guided = settle, guided

    def describe(self):
        """What a result of this network depends on, but for the code."""
        return repr(sorted((key, value) for key, value in vars(self).items() if key not in ("make", "sizes")))

    def available(self, shared):
        return self.checkpoint is None or os.path.exists(os.path.join(shared, self.checkpoint))

    def state(self, shared):
        """The weights, float32, as a state dict."""
        if self.checkpoint:
            return torch.load(os.path.join(shared, self.checkpoint), map_location="cpu")
        net = self.make()
        state = generator.fill(1, net.state_dict())
        return self.settled(net, state) if self.settle else state

    def settled(self, net, state):
        """The same with batch-norm statistics near those of drawn pictures: mean + 0.1 deviations times a random number in -1 .. 1,
        variance times one in 0.5 .. 1.5, no channel's below the layer's mean. With statistics out of the air, fifty layers without rectifiers saturate every clip, and
        the network is a hash function of its input."""
        load(net, state)
        norms = {name: m for name, m in net.eval().named_modules() if isinstance(m, nn.BatchNorm2d)}
        for m in norms.values():
            m.momentum = None
            m.reset_running_stats()
            m.train()
        pictures = [self.transform(self.settle)(Image.fromarray(generator.picture(n, 160, 160))) for n in range(4)]
        with torch.no_grad():
            net(torch.stack(pictures))
        for name, m in norms.items():
            mean, var = f"{name}.running_mean", f"{name}.running_var"
            spread = m.running_var.clamp(min=m.running_var.mean())
            state[mean] = m.running_mean + state[mean] * spread.sqrt()
            state[var] = spread * state[var]
        return state

    def export(self, state, path, size):
        """Writes the network as torch.onnx.export does it for one picture."""
        net = self.make().eval()
        load(net, state)
        with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
            torch.onnx.export(net, torch.zeros(1, 3, *size), path, opset_version=self.opset)

    def double(self, state):
        """The network in float64 with these weights, nothing of it asking for parameter gradients."""
        net = self.make().double().eval()
        load(net, state)
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        return net

    def transform(self, size, resize=None):
        """torchvision's preprocessing: short side to `resize` and centre crop, or squash where resize is None."""
        t = torchvision.transforms
        fit = [t.Resize(resize), t.CenterCrop(size)] if resize else [t.Resize(size)]
        tail = [] if self.unit else [t.Normalize(self.MEAN, self.STD)]
        return t.Compose([*fit, t.ToTensor(), *tail])


def torchvision_net(name, **options):
    """A constructor that does not spend time on initial weights."""
    def make():
        names = "kaiming_normal_", "normal_", "kaiming_uniform_", "uniform_", "trunc_normal_"
        kept = [getattr(nn.init, n) for n in names]
        for n in names:
            setattr(nn.init, n, lambda tensor, *_args, **_options: tensor)
        try:
            return getattr(torchvision.models, name)(weights=None, **options)
        finally:
            for n, function in zip(names, kept):
                setattr(nn.init, n, function)
    return make


def zoo(name, target, depths, sizes=((1, 224, 224),), gap=True, opset=17, guided=True, settle=96, **options):
    """A network of torchvision with random weights, and its export."""
    return Network(name, torchvision_net(name, **options), target, (*depths, target), gap=gap, sizes=sizes, opset=opset,
                   guided=guided, settle=settle)


SMALL = ((2, 64, 96),)
BOTH = ((1, 224, 224), *SMALL)
PUBLISHED = {"transform_input": True, "init_weights": False}

NETWORKS = [
    Network("alexnet", torchvision_net("alexnet"), "features.11", ("features.1", "features.6", "features.11"), opset=9,
            sizes=((1, 224, 224), (3, 256, 320))),
    Network("squeezenet1_1", torchvision_net("squeezenet1_1"), "features.12", ("features.1", "features.6", "features.12"),
            sizes=((1, 224, 224), (3, 256, 320)), opset=11),
    Network("squeezenet1_1 (trained)", torchvision_net("squeezenet1_1"), "features.12",
            ("features.1", "features.6", "features.12"), checkpoint="models/squeezenet1_1.pth", opset=13, sizes=((1, 224, 224), (3, 256, 320))),
    Network("tiny_darknet (trained)", TinyDarknet, "act15", ("act1", "act7", "act15"),
            checkpoint="models/tiny_darknet.pth", gap=True, resize=224, unit=True, opset=13),
    Network("resnet20_cifar (trained)", ResNetCifar, "layer3", ("relu", "layer2", "layer3"), gap=True, resize=32, crop=32,
            checkpoint="models/resnet20_cifar10.pth", sizes=((1, 32, 32), (3, 40, 48)), opset=17),
    zoo("resnet18", "layer4", ("relu", "layer2"), BOTH),
    zoo("resnet50", "layer4", ("relu", "layer2"), opset=13),
    zoo("wide_resnet50_2", "layer4", ("relu", "layer2"), SMALL, opset=11),
    zoo("resnext50_32x4d", "layer4", ("relu", "layer2"), SMALL, opset=9),
    zoo("densenet121", "relu", ("features.relu0", "features.denseblock2"), opset=13),
    zoo("densenet161", "relu", ("features.relu0", "features.denseblock2"), SMALL, opset=9),
    zoo("googlenet", "inception5b", ("conv1", "inception3b"), BOTH, **PUBLISHED),
    zoo("inception_v3", "Mixed_7c", ("Conv2d_1a_3x3", "Mixed_6a"), ((1, 299, 299), (2, 112, 128)), settle=128, **PUBLISHED),
    zoo("mobilenet_v2", "features.18", ("features.0", "features.8"), BOTH),
    zoo("mobilenet_v3_small", "features.12", ("features.0", "features.6"), gap=False),
    zoo("mobilenet_v3_large", "features.16", ("features.0", "features.8"), SMALL, gap=False, opset=13, guided=False),
    zoo("shufflenet_v2_x1_0", "conv5", ("conv1", "stage3.0")),
    zoo("shufflenet_v2_x2_0", "conv5", ("conv1", "stage3.0"), SMALL, opset=11),
    zoo("mnasnet1_0", "layers.16", ("layers.2", "layers.10"), opset=16),
    zoo("mnasnet0_5", "layers.16", ("layers.2", "layers.10"), SMALL, opset=9),
    zoo("efficientnet_b0", "features.8", ("features.0", "features.4"), guided=False),
    zoo("efficientnet_b3", "features.8", ("features.0", "features.4"), SMALL, opset=13, guided=False),
    zoo("efficientnet_v2_s", "features.7", ("features.0", "features.4"), SMALL, opset=11, guided=False),
    zoo("regnet_x_400mf", "trunk_output", ("stem", "trunk_output.block2"), opset=15),
    zoo("regnet_y_400mf", "trunk_output", ("stem", "trunk_output.block2"), SMALL),
    zoo("convnext_tiny", "features.7", ("features.0", "features.3"), gap=False, guided=False),
    zoo("convnext_base", "features.7", ("features.0", "features.3"), SMALL, gap=False, opset=13, guided=False),
    Network("vgg16_bn", torchvision_net("vgg16_bn"), "features.42", ("features.5", "features.22", "features.42"),
            sizes=Network.SIZES[:3], opset=13),
    Network("vgg16", torchvision_net("vgg16"), "features.29", ("features.3", "features.15", "features.29"),
            sizes=Network.SIZES[:3], opset=17),
]

# Whose photo goes through a checkpoint, a model file and an export.
PHOTO_NETWORKS = ("squeezenet1_1 (trained)", "resnet18", "googlenet", "densenet121", "mobilenet_v2")
