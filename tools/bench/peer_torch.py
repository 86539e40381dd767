#!/usr/bin/python3
"""PyTorch as a peer of the benchmarks: peer_torch.py WORK MODEL THREADS SECONDS, as tools/bench/worker.c.

Works: forward; gradcam (what Captum does: gradients from the score to the layer alone); gradcam-full (what pytorch-grad-cam does:
a backward pass with all parameters asking for gradients); gradient; guided-gradcam (two forwards, as Captum). `save MODEL OUT`
writes the weights of a safetensors file as a state dict, and the network beside it as ONNX for other peers; `picture PTH THREADS PHOTO OUT` is the whole way of a user's script: load,
preprocess, Grad-CAM, overlay, PNG.
"""
import json
import struct
import sys
import time

import torch
import torch.nn.functional as F
import torchvision

LAYER = {"alexnet": "features.11", "vgg16": "features.29", "squeezenet1_1": "features.12", "googlenet": "inception5b",
         "resnet18": "layer4", "resnet50": "layer4", "mobilenet_v2": "features.18", "densenet121": "features.norm5"}


def name_of(path):
    return path.rsplit("/", 1)[-1].split(".")[0]


def read_safetensors(path):
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]), dtype=torch.float32).reshape(t["shape"])
            for name, t in header.items()}


def make_net(name, state):
    options = {"aux_logits": False, "init_weights": False, "transform_input": True} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(weights=None, **options)
    missing = [key for key in net.load_state_dict(state, strict=False)[0] if not key.endswith("num_batches_tracked")]
    if missing:
        sys.exit(f"{name}: no {missing[0]}")
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return net.eval()


def layer_gradient(net, x, layer):
    """Activation and gradient of a layer; the graph begins at the layer."""
    kept = []
    def hook(_module, _inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[0]
    handle = net.get_submodule(layer).register_forward_hook(hook)
    output = net(x)
    handle.remove()
    score = output[0, output[0].argmax()]
    return kept[0].detach(), torch.autograd.grad(score, kept[0])[0]


def gradcam(net, x, layer):
    a, g = layer_gradient(net, x, layer)
    m = (g.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True).clamp(min=0)
    return F.interpolate(m, x.shape[2:], mode="bilinear", align_corners=False)


def gradcam_full(net, x, layer):
    kept = []
    handle = net.get_submodule(layer).register_forward_hook(lambda _m, _i, out: (out.retain_grad(), kept.append(out))[0])
    x = x.clone().requires_grad_()
    output = net(x)
    handle.remove()
    net.zero_grad()
    output[0, output[0].argmax()].backward()
    a, g = kept[0].detach(), kept[0].grad
    m = (g.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True).clamp(min=0)
    return F.interpolate(m, x.shape[2:], mode="bilinear", align_corners=False)


def gradient(net, x, _layer):
    x = x.clone().requires_grad_()
    output = net(x)
    return torch.autograd.grad(output[0, output[0].argmax()], x)[0]


def guided_gradcam(net, x, layer):
    hooks = [m.register_full_backward_hook(lambda _m, grads, _out: (grads[0].clamp(min=0),))
             for m in net.modules() if isinstance(m, torch.nn.ReLU)]
    guided = gradient(net, x, layer)
    for hook in hooks:
        hook.remove()
    return guided * gradcam(net, x, layer)


def forward(net, x, _layer):
    with torch.no_grad():
        return net(x)


WORKS = {"forward": forward, "gradcam": gradcam, "gradcam-full": gradcam_full, "gradient": gradient,
         "guided-gradcam": guided_gradcam}


def repeat(work, net, layer, seconds):
    x = torch.rand(1, 3, 224, 224)
    work(net, x, layer)
    ms, end = [], time.perf_counter() + seconds
    while len(ms) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work(net, x, layer)
        ms.append(1e3 * (time.perf_counter() - start))
    ms.sort()
    print(f"min_ms {ms[0]:.4f}\nmedian_ms {ms[len(ms) // 2]:.4f}\nruns {len(ms)}")


def picture(path, photo, out):
    import numpy as np
    from PIL import Image
    net = make_net(name_of(path), torch.load(path, map_location="cpu"))
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    t = torchvision.transforms
    image = t.CenterCrop(224)(t.Resize(256)(Image.open(photo).convert("RGB")))
    x = t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(t.ToTensor()(image))[None]
    heat = gradcam(net, x, LAYER[name_of(path)])[0, 0].numpy()
    heat = heat / max(heat.max(), 1e-12)
    color = np.stack([heat, np.minimum(1, 2 * (1 - heat)) * heat, 1 - heat], -1)
    Image.fromarray((0.5 * np.asarray(image) + 127.5 * color).astype(np.uint8)).save(out)


def save(model, out):
    state = read_safetensors(model)
    torch.save(state, out)
    onnx = out.rsplit(".", 1)[0] + ".onnx"
    # OpenCV 4.6 reads no Clip (ReLU6) of later versions.
    torch.onnx.export(make_net(name_of(model), state), torch.rand(1, 3, 224, 224), onnx, opset_version=10)


def main():
    work, model, *rest = sys.argv[1:]
    if work == "save":
        return save(model, rest[0])
    torch.set_num_threads(int(rest[0]))
    if work == "picture":
        picture(model, *rest[1:])
    else:
        net = make_net(name_of(model), read_safetensors(model))
        for parameter in net.parameters():
            parameter.requires_grad_(work == "gradcam-full")
        repeat(WORKS[work], net, LAYER[name_of(model)], float(rest[1]))


if __name__ == "__main__":
    main()
