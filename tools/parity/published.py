"""What torchvision publishes about the weights of its classification CNNs: `make golden` writes it for the tests.

Columns: architecture, file name, resize, crop, filter, mean, standard deviation. Left out are transformers, and VGG-16's
"features", which have no classifier.
"""
import sys

from torchvision import models

TRANSFORMERS = ("vit", "swin", "maxvit")


def lines():
    yield "# torchvision's weights and the preprocessing they want; written by make golden"
    for name in models.list_models(module=models):
        if name.startswith(TRANSFORMERS):
            continue
        for weights in models.get_model_weights(name):
            if weights.name == "IMAGENET1K_FEATURES":
                continue
            how = weights.transforms()
            fields = [name, weights.url.rsplit("/", 1)[1], how.resize_size[0], how.crop_size[0], how.interpolation.value,
                      ",".join(map(str, how.mean)), ",".join(map(str, how.std))]
            yield "\t".join(map(str, fields))


def text():
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1], "w") as f:
        f.write(text())
