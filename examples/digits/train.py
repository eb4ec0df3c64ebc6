"""Train a small network on scikit-learn's handwritten digits and print how many unseen ones it reads.

The last line is JSON: `accuracy` on the held-out third (higher is better) and `params`.

Run: `python train.py --network convolutional --layers 2 --width 16 --seed 1`
"""

import argparse
import json

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 64  # images of an update
EVALUATED = 599  # of the 1,797 images: the last ones
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}


def network(options: argparse.Namespace) -> nn.Sequential:
    """A network from images [batch, 1, 8, 8] to scores of the digits [batch, 10]."""
    activation, width = ACTIVATIONS[options.activation], options.width
    parts: list[nn.Module] = []
    if options.network == "dense":
        parts.append(nn.Flatten())
        for number in range(options.layers):
            parts += [nn.Linear(width if number else 64, width), activation()]
    else:
        for number in range(options.layers):
            parts += [nn.Conv2d(width if number else 1, width, 3, padding=1), activation()]
        parts += [nn.AdaptiveAvgPool2d(2), nn.Flatten()]
        width *= 4
    return nn.Sequential(*parts, nn.Dropout(options.dropout), nn.Linear(width, 10))


def read_images() -> tuple[Tensor, Tensor]:
    """Images [1797, 1, 8, 8] between 0 and 1, and their digits [1797]."""
    digits = load_digits()
    return torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)


def train(options: argparse.Namespace) -> dict[str, float]:
    """Train on the first two thirds of the images; the accuracy on the last, and the number of parameters."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    images, digits = read_images()
    model = network(options)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    for _ in range(options.epochs):
        for rows in torch.randperm(len(images) - EVALUATED).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(images[rows]), digits[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(images[-EVALUATED:]).argmax(1) == digits[-EVALUATED:]
    return {"accuracy": right.float().mean().item(), "params": sum(part.numel() for part in model.parameters())}


def read_options(words: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line; defaults for those that are not given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=["dense", "convolutional"], default="dense")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=32, help="units or channels of a layer")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    return parser.parse_args(words)


if __name__ == "__main__":
    print(json.dumps(train(read_options())))
