"""Sizes and GFLOPs that HAT published of its 44 sub-networks: facts, as data."""

from foretell import spaces
from foretell.spaces import Architecture, SearchSpace

_SPACES = {
    "iwslt14deen": ("hat-iwslt14-de-en", 512),
    "wmt14ende": ("hat-wmt14-en-de", 1024),
    "wmt14enfr": ("hat-wmt14-en-fr", 1024),
    "wmt19ende": ("hat-wmt19-en-de", 1024),
}

# model | parameters in millions | GFLOPs without output layer | de dd Ld | encoder FFN | encoder heads |
# decoder FFN | decoder self heads | decoder cross heads | attention. FFN in units of 1024 (IWSLT: 512).
MODELS = """
iwslt14deen titanxp @109.0ms | 23.13 | 1.13 | 512 512 3 | 222222 | 444444 | 224 | 444 | 444 | 2,-1,-1
iwslt14deen titanxp @137.8ms | 27.33 | 1.32 | 512 512 4 | 222222 | 444444 | 2442 | 4442 | 4444 | 2,-1,-1,-1
iwslt14deen titanxp @168.8ms | 31.54 | 1.52 | 512 512 5 | 222222 | 444444 | 44422 | 44422 | 44444 | 2,-1,-1,-1,-1
iwslt14deen titanxp @45.6ms | 16.82 | 0.78 | 512 512 1 | 222222 | 442444 | 4 | 4 | 4 | -1
iwslt14deen titanxp @74.5ms | 19.98 | 0.93 | 512 512 2 | 222222 | 444444 | 42 | 42 | 44 | -1,-1
wmt14ende raspberrypi @3.5s | 25.22 | 1.53 | 512 512 1 | 133222 | 484448 | 3 | 8 | 8 | -1
wmt14ende raspberrypi @4.0s | 29.42 | 1.78 | 512 512 2 | 323232 | 888488 | 12 | 44 | 88 | -1,-1
wmt14ende raspberrypi @4.5s | 35.72 | 2.19 | 512 512 2 | 333333 | 488488 | 33 | 88 | 88 | -1,1
wmt14ende raspberrypi @5.0s | 36.77 | 2.26 | 512 512 3 | 333233 | 888884 | 123 | 488 | 488 | -1,1,-1
wmt14ende raspberrypi @6.0s | 44.13 | 2.70 | 512 512 4 | 333333 | 444884 | 2233 | 4884 | 4888 | -1,-1,1,-1
wmt14ende raspberrypi @6.9s | 48.33 | 3.02 | 512 512 5 | 333333 | 848888 | 22332 | 88848 | 48888 | -1,1,1,1,-1
wmt14ende titanxp @126.0ms | 40.97 | 2.54 | 512 512 3 | 333333 | 448884 | 333 | 888 | 488 | -1,1,1
wmt14ende titanxp @146.7ms | 51.20 | 3.17 | 640 640 3 | 333333 | 488844 | 333 | 888 | 488 | -1,1,1
wmt14ende titanxp @208.1ms | 49.38 | 3.09 | 512 512 5 | 333333 | 848884 | 22333 | 88848 | 48888 | -1,1,1,1,-1
wmt14ende titanxp @57.1ms | 30.47 | 1.87 | 512 512 1 | 333333 | 488888 | 3 | 8 | 8 | 1
wmt14ende titanxp @91.2ms | 35.72 | 2.19 | 512 512 2 | 333333 | 488488 | 33 | 88 | 88 | -1,1
wmt14ende xeon @137.9ms | 30.47 | 1.87 | 512 512 1 | 333333 | 488888 | 3 | 8 | 8 | 1
wmt14ende xeon @204.2ms | 35.72 | 2.19 | 512 512 2 | 333333 | 488488 | 33 | 88 | 88 | -1,1
wmt14ende xeon @278.7ms | 40.97 | 2.54 | 512 512 3 | 333333 | 448884 | 333 | 888 | 488 | -1,1,1
wmt14ende xeon @340.2ms | 46.23 | 2.86 | 512 512 4 | 333333 | 448884 | 3333 | 8884 | 4888 | -1,1,1,-1
wmt14ende xeon @369.6ms | 51.48 | 3.21 | 512 512 5 | 333333 | 848884 | 33333 | 88848 | 48888 | -1,1,1,1,-1
wmt14ende xeon @450.9ms | 56.73 | 3.53 | 512 512 6 | 333333 | 448884 | 333333 | 888444 | 488888 | -1,1,1,1,-1,-1
wmt14enfr raspberrypi @4.3s | 25.22 | 1.53 | 512 512 1 | 222232 | 444848 | 3 | 8 | 8 | -1
wmt14enfr raspberrypi @5.3s | 35.72 | 2.23 | 512 512 2 | 333333 | 888888 | 33 | 88 | 88 | -1,2
wmt14enfr raspberrypi @5.8s | 36.77 | 2.26 | 512 512 3 | 333332 | 888888 | 123 | 488 | 488 | -1,-1,1
wmt14enfr raspberrypi @6.9s | 44.13 | 2.70 | 512 512 4 | 333333 | 448488 | 2323 | 4888 | 4488 | -1,-1,1,-1
wmt14enfr raspberrypi @7.8s | 49.38 | 3.09 | 512 512 5 | 333333 | 888888 | 23332 | 88888 | 48888 | -1,1,1,1,-1
wmt14enfr raspberrypi @9.1s | 56.73 | 3.57 | 512 512 6 | 333333 | 888888 | 333333 | 888844 | 488888 | -1,1,-1,1,2,-1
wmt14enfr titanxp @132.9ms | 40.97 | 2.51 | 512 512 3 | 333333 | 888888 | 333 | 888 | 488 | -1,-1,1
wmt14enfr titanxp @168.3ms | 46.23 | 2.90 | 512 512 4 | 333333 | 888888 | 3333 | 8888 | 4888 | -1,2,1,-1
wmt14enfr titanxp @208.3ms | 51.48 | 3.25 | 512 512 5 | 333333 | 888888 | 33333 | 88888 | 48888 | -1,2,1,1,-1
wmt14enfr titanxp @69.3ms | 30.47 | 1.84 | 512 512 1 | 333333 | 888888 | 3 | 8 | 8 | -1
wmt14enfr titanxp @94.9ms | 35.72 | 2.23 | 512 512 2 | 333333 | 888888 | 33 | 88 | 88 | -1,2
wmt14enfr xeon @154.7ms | 30.47 | 1.84 | 512 512 1 | 333333 | 888888 | 3 | 8 | 8 | -1
wmt14enfr xeon @208.8ms | 35.72 | 2.23 | 512 512 2 | 333333 | 888888 | 33 | 88 | 88 | -1,2
wmt14enfr xeon @329.4ms | 44.13 | 2.70 | 512 512 4 | 323332 | 888888 | 3333 | 8888 | 4888 | -1,-1,1,-1
wmt14enfr xeon @394.5ms | 51.48 | 3.28 | 512 512 5 | 333333 | 888888 | 33333 | 88884 | 48888 | -1,2,1,2,-1
wmt14enfr xeon @442.0ms | 56.73 | 3.57 | 512 512 6 | 333333 | 888888 | 333333 | 888884 | 488888 | -1,1,1,2,-1,-1
wmt19ende titanxp @134.5ms | 40.97 | 2.54 | 512 512 3 | 333333 | 488888 | 333 | 888 | 488 | -1,1,1
wmt19ende titanxp @176.1ms | 46.23 | 2.86 | 512 512 4 | 333333 | 488888 | 3333 | 8888 | 4888 | -1,1,1,-1
wmt19ende titanxp @204.5ms | 51.48 | 3.18 | 512 512 5 | 333333 | 488888 | 33333 | 88884 | 48888 | -1,1,1,-1,-1
wmt19ende titanxp @237.8ms | 56.73 | 3.53 | 512 512 6 | 333333 | 488888 | 333333 | 888844 | 488888 | -1,1,1,1,-1,-1
wmt19ende titanxp @55.7ms | 36.89 | 2.27 | 640 512 1 | 333333 | 888888 | 3 | 8 | 8 | 1
wmt19ende titanxp @93.2ms | 42.28 | 2.63 | 640 512 2 | 333333 | 888888 | 33 | 88 | 88 | -1,2
""".strip().splitlines()


def read_model(line: str) -> tuple[SearchSpace, Architecture, float, float]:
    """Space, architecture, millions of parameters and GFLOPs of one line."""
    name, millions, gigaflops, widths, *genes, attention = (cell.strip() for cell in line.split("|"))
    space_name, unit = _SPACES[name.split()[0]]
    space = spaces.create(space_name)
    encoder, decoder, depth = map(int, widths.split())
    encoder_ffn, encoder_heads, decoder_ffn, own, cross = ([int(digit) for digit in gene] for gene in genes)
    values = {
        "encoder-embed-dim": encoder,
        "encoder-layer-num": 6,
        "encoder-ffn-embed-dim-all": [unit * digit for digit in encoder_ffn],
        "encoder-self-attention-heads-all": encoder_heads,
        "decoder-embed-dim": decoder,
        "decoder-layer-num": depth,
        "decoder-ffn-embed-dim-all": [unit * digit for digit in decoder_ffn],
        "decoder-self-attention-heads-all": own,
        "decoder-ende-attention-heads-all": cross,
        "decoder-arbitrary-ende-attn-all": [int(value) for value in attention.split(",")],
    }
    return space, Architecture.from_dict(space, values), float(millions), float(gigaflops)
