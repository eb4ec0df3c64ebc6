from pathlib import Path

import pytest

from foretell import spaces
from foretell.spaces import SearchSpace

TINY = """
name: tiny
description: small enough to count on fingers
backbone: {qkv_dim: 8, norm: pre, sentence_length: 5, vocabulary: 50}
genes:
  encoder-embed-dim: [8]
  encoder-layer-num: [1, 2]
  encoder-ffn-embed-dim-all: [16]
  encoder-self-attention-heads-all: [2, 4]
  decoder-embed-dim: [8, 4]
  decoder-layer-num: [2, 1]
  decoder-ffn-embed-dim-all: [16]
  decoder-self-attention-heads-all: [2]
  decoder-ende-attention-heads-all: [2]
  decoder-arbitrary-ende-attn-all: [2, -1, 1]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> SearchSpace:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return spaces.load_space(path)
