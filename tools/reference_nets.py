"""The networks in PyTorch, and the numbers that a test puts into them.

Weights, images and labels come from one formula that tests/models/golden.cpp repeats, so that no
weights have to be stored: element i of stream s is splitmix64(s * 2^40 + i), its upper 24 bits as a
number in [-1, 1).
"""

import numpy as np
import torch
import torchvision
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.resnet import Bottleneck, ResNet

IMAGE_STREAM = 1000  # above the number of entries of any state dictionary


def numbers(stream, count):
    """float64 array of `count` numbers in [-1, 1), each a multiple of 2^-23."""
    z = np.arange(count, dtype=np.uint64) + np.uint64(stream << 40)
    with np.errstate(over="ignore"):
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0


class SmallCnn(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        conv = lambda i, o: torch.nn.Conv2d(i, o, 3, padding=1, bias=False)
        self.conv1, self.bn1 = conv(3, 16), torch.nn.BatchNorm2d(16)
        self.conv2, self.bn2 = conv(16, 32), torch.nn.BatchNorm2d(32)
        self.conv3, self.bn3 = conv(32, 64), torch.nn.BatchNorm2d(64)
        self.fc = torch.nn.Linear(64, classes)

    def forward(self, x):
        pool = lambda y: torch.nn.functional.max_pool2d(y, 2)
        x = pool(torch.relu(self.bn1(self.conv1(x))))
        x = pool(torch.relu(self.bn2(self.conv2(x))))
        x = torch.relu(self.bn3(self.conv3(x)))
        return self.fc(x.mean(dim=(2, 3)))


def tiny_resnet(classes):
    """torchvision's ResNet with its sizes replaced."""
    stem, planes, depths = 16, (8, 16, 16, 24), (2, 1, 1, 2)
    net = ResNet(Bottleneck, list(depths), num_classes=classes)
    net.inplanes = stem
    net.conv1 = torch.nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
    net.bn1 = torch.nn.BatchNorm2d(stem)
    for i in range(4):
        stage = net._make_layer(Bottleneck, planes[i], depths[i], stride=1 if i == 0 else 2)
        setattr(net, f"layer{i + 1}", stage)
    net.fc = torch.nn.Linear(4 * planes[3], classes)
    return net


def tiny_regnet(classes):
    params = BlockParams(
        depths=[1, 2, 1, 1],
        widths=[16, 24, 40, 48],
        group_widths=[8] * 4,
        bottleneck_multipliers=[1.0] * 4,
        strides=[2] * 4,
        se_ratio=0.25,
    )
    return RegNet(params, num_classes=classes, stem_width=16)


def build(arch, classes):
    if arch in ("resnet50", "regnet_y_800mf"):
        return getattr(torchvision.models, arch)(num_classes=classes)
    return {"small_cnn": SmallCnn, "tiny_resnet": tiny_resnet, "tiny_regnet": tiny_regnet}[arch](
        classes
    )


def value_of(stream, name, tensor):
    """The number every element of one entry of the state dictionary gets, float32."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(3)
    u = numbers(stream, tensor.numel())
    if tensor.dim() == 4:  # as wide as Kaiming's normal distribution, fan-out
        out, _, height, width = tensor.shape
        values = u * np.sqrt(6.0 / (out * height * width))
    elif tensor.dim() == 2:
        values = u * np.sqrt(1.0 / tensor.shape[1])
    elif name.endswith("running_var"):
        values = 1.0 + 0.5 * u
    elif name.endswith("weight"):  # of a batch norm
        values = 1.0 + 0.25 * u
    elif name.endswith("fc1.bias"):  # squeeze-and-excite: most of its few units are above zero
        values = 1.0 + 0.125 * u
    else:
        values = 0.125 * u
    return torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape)


def filled(arch, classes, dtype):
    net = build(arch, classes)
    state = net.state_dict()
    for stream, (name, tensor) in enumerate(state.items()):
        state[name] = value_of(stream, name, tensor)
    net.load_state_dict(state)
    return net.to(dtype)


def batch_of(batch, height, width, classes, dtype, stream=IMAGE_STREAM):
    """Images [N, 3, H, W] and labels [N]; the formula runs in [N, H, W, 3] order."""
    pixels = numbers(stream, batch * height * width * 3).reshape(batch, height, width, 3)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(dtype)
    labels = torch.tensor([(7 * n + 3) % classes for n in range(batch)])
    return images, labels
