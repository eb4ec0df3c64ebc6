"""Train a small character-level language model and print how well it predicts unseen text.

The last line is JSON: `val_loss` in bits per character (lower is better), `params` and `seconds` of processor time.

Run: `python train.py --layers 2 --width 64 --mixer gru --seed 1`
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).parent
CONTEXT = 64  # characters that a window of text has
BATCH = 16  # windows of an update
KERNEL = 4  # characters that a convolution sees
WARMUP, FULL = 20, 400  # updates until the learning rate is highest, and until it has fallen to a tenth
SYMBOLS = 96  # the line feed and the printable ASCII characters
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


class Convolution(nn.Module):
    """Each place from itself and those shortly before it: [batch, places, width] to the same."""

    def __init__(self, width: int, kernel: int = KERNEL) -> None:
        super().__init__()
        self.kernel = kernel
        self.convolution = nn.Conv1d(width, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(F.pad(x.transpose(1, 2), (self.kernel - 1, 0))).transpose(1, 2)


class Attention(nn.Module):
    """Causal attention, heads of 16; scores fall with the distance, by another slope in each head (ALiBi)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 16
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        distance = torch.arange(CONTEXT)[:, None] - torch.arange(CONTEXT)
        slopes = 2.0 ** -torch.arange(1, self.heads + 1)[:, None, None]
        self.register_buffer("bias", (-slopes * distance).masked_fill(distance < 0, float("-inf")), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        places = x.shape[1]
        query, key, value = self.inputs(x).unflatten(2, (3, self.heads, 16)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias[:, :places, :places])
        return self.output(mixed.transpose(1, 2).flatten(2))


class Recurrent(nn.Module):
    """A gated recurrent unit that reads from left to right."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.unit = nn.GRU(width, width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)[0]


MIXERS = {"attention": Attention, "gru": Recurrent, "conv": Convolution}


class Layer(nn.Module):
    """What mixes places, then a feed-forward network, each added to its normalised input."""

    def __init__(self, width: int, mixer: str, expansion: int, activation: str) -> None:
        super().__init__()
        self.before_mixer, self.before_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixer = MIXERS[mixer](width)
        inner = expansion * width
        self.feed_forward = nn.Sequential(nn.Linear(width, inner), ACTIVATIONS[activation](), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.before_mixer(x))
        return x + self.feed_forward(self.before_feed_forward(x))


class Model(nn.Module):
    """Symbols [batch, places] to scores of the symbol that follows each place [batch, places, symbols]."""

    def __init__(self, genes: argparse.Namespace) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, genes.width)
        self.window = Convolution(genes.width, genes.window)
        sizes = genes.width, genes.mixer, genes.expansion, genes.activation
        self.layers = nn.Sequential(*(Layer(*sizes) for _ in range(genes.layers)))
        self.norm = nn.LayerNorm(genes.width)
        nn.init.normal_(self.embedding.weight, std=genes.width**-0.5)

    def forward(self, symbols: Tensor) -> Tensor:
        x = self.window(self.embedding(symbols) * self.embedding.embedding_dim**0.5)
        return self.norm(self.layers(x)) @ self.embedding.weight.T  # one table for what comes in and goes out


def read_symbols(path: Path) -> Tensor:
    """The symbols of a text file: 0 is the line feed, 1 the space; what is not ASCII becomes a question mark."""
    if not path.is_file():
        if path.parent != HERE / "text":
            raise SystemExit(f"{path} does not exist; README.md in the folder above says how to get a text.")
        # The default text is written once, by the program that this is an example of.
        command = [sys.executable, "-m", "foretell", "corpus", "write", "home-assistant", "--out", str(path.parent)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    codes = torch.frombuffer(bytearray(path.read_text(encoding="utf-8").encode("ascii", "replace")), dtype=torch.uint8)
    return (codes.long() - 31).clamp(0, SYMBOLS - 1)


def windows_of_update(text: Tensor, seed: int, update: int) -> Tensor:
    """Random windows [batch, context + 1] that depend on the seed and on the update's number only."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + update)
    starts = torch.randint(len(text) - CONTEXT, (BATCH, 1), generator=generator)
    return text[starts + torch.arange(CONTEXT + 1)]


def loss_of(model: Model, windows: Tensor) -> Tensor:
    """Mean negative log-likelihood of every character but the first of each window, in nats."""
    return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def bits_per_character(model: Model, text: Tensor) -> float:
    """Loss on a whole text, cut into windows; what is left over at its end is not read."""
    windows = text.unfold(0, CONTEXT + 1, CONTEXT)
    total = sum(loss_of(model, part).item() * len(part) for part in windows.split(4 * BATCH))
    return total / len(windows) / math.log(2)


def latest(folder: Path, updates: int) -> tuple[int, Path | None]:
    """The checkpoint in a folder that was trained longest, but not too long; (0, None) where there is none."""
    found = {int(path.stem): path for path in folder.glob("*.pt")}
    reached = max((number for number in found if number <= updates), default=0)
    return reached, found.get(reached)


def train(options: argparse.Namespace) -> dict[str, float]:
    """Train from the start, or on from a checkpoint as if there had been no pause; the loss and the parameters."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = Model(options)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate)
    text = read_symbols(options.data / "train.en")
    reached, checkpoint = latest(options.folder, options.updates) if options.folder else (0, None)
    if checkpoint:
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    for update in range(reached, options.updates):
        # The curve is that of the full training however far this one goes: so it can be continued.
        rate = min((update + 1) / WARMUP, 1 - 0.9 * update / FULL)
        optimizer.param_groups[0]["lr"] = options.learning_rate * rate
        optimizer.zero_grad()
        loss_of(model, windows_of_update(text, options.seed, update)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if options.folder and reached < options.updates:
        options.folder.mkdir(parents=True, exist_ok=True)
        unfinished = options.folder / "unfinished"
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, unfinished)
        unfinished.replace(options.folder / f"{options.updates}.pt")  # whole or not at all
    params = sum(parameter.numel() for parameter in model.parameters())
    return {"val_loss": bits_per_character(model, read_symbols(options.data / "valid.en")), "params": params}


def read_options(words: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line; defaults for those that are not given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64, help="a multiple of 16")
    parser.add_argument("--mixer", choices=MIXERS, default="gru")
    parser.add_argument("--window", type=int, default=2, help="characters that the first layer sees at once")
    parser.add_argument("--expansion", type=int, default=2, help="inner width of the feed-forward network / width")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="gelu")
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=FULL)
    parser.add_argument("--data", type=Path, default=HERE / "text", help="folder with train.en and valid.en")
    parser.add_argument("--folder", type=Path, help="for checkpoints; a shorter training found there is continued")
    return parser.parse_args(words)


if __name__ == "__main__":
    start = time.process_time()
    result = train(read_options())
    print(json.dumps({**result, "seconds": round(time.process_time() - start, 2)}))
