import json
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.families.encoder_decoder.closed_forms import embedding_parameters, flops, parameters
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.spaces import Architecture, Population, SearchSpace

from .hat_models import MODELS, read_model

EN_DE = spaces.create("hat-wmt14-en-de")


def as_population(space: SearchSpace, lines: list[dict]) -> Population:
    return space.population([Architecture.from_text(space, "\n".join(line["arch_info"])) for line in lines])


@pytest.mark.parametrize("task", ["wmt14-en-de", "wmt14-en-fr", "wmt19-en-de"])
def test_all_published_records_are_reproduced(published: Path, task: str):
    space = spaces.create(f"hat-{task}")
    files = sorted(published.glob(f"llmas/train-test_seedarchs/*/{task.replace('-', '')}/*.jsonl"))
    lines = [json.loads(line)["scratch"] for file in files for line in file.read_text().splitlines()]
    assert len(lines) == 90
    population = as_population(space, lines)
    whole = flops(space, population, output_layer=True)
    without = flops(space, population, output_layer=False)
    ours = {
        "num_parameters_without_embedding_weights": parameters(space, population, embeddings=False),
        "num_embedding_parameters": embedding_parameters(space, population, count="decoder-width"),
        "total_flops": whole,
        "total_flops_without_last_layer": without,
        "last_layer_flops": whole - without,
    }
    for name, values in ours.items():
        assert values.dtype == np.int64
        assert values.tolist() == [line[name] for line in lines], name


def test_all_distillation_inputs_are_reproduced(published: Path):
    file = published / "llmas" / "distillation_inputs" / "wmt14ende_seed111.jsonl"
    lines = [json.loads(line)["scratch"] for line in file.read_text().splitlines()]
    assert len(lines) == 500
    population = as_population(EN_DE, lines)
    assert flops(EN_DE, population, output_layer=True).tolist() == [int(line["total_flops"]) for line in lines]


@pytest.mark.parametrize("line", MODELS, ids=lambda line: line.split("|")[0].strip())
def test_the_published_models_of_hat(line: str):
    space, architecture, millions, gigaflops = read_model(line)
    population = space.population([architecture])
    assert round(parameters(space, population, embeddings=False)[0] / 1e6, 2) == millions
    assert round(flops(space, population, output_layer=False)[0] / 1e9, 2) == gigaflops


def test_the_extremes_of_the_wmt_space():
    population = EN_DE.population([EN_DE.smallest(), EN_DE.largest()])
    assert parameters(EN_DE, population, embeddings=False).tolist() == [15_771_136, 70_900_992]
    assert flops(EN_DE, population, output_layer=False).tolist() == [959_232_168, 4_775_669_988]


def test_the_extremes_of_the_iwslt_space():
    space = spaces.create("hat-iwslt14-de-en")
    population = space.population([space.smallest(), space.largest()])
    assert parameters(space, population, embeddings=False).tolist() == [12_097_536, 55_160_064]


def test_conventions_of_counting_embeddings():
    values = EN_DE.smallest().to_dict()
    population = EN_DE.population([Architecture.from_dict(EN_DE, {**values, "encoder-embed-dim": 640})])
    none = parameters(EN_DE, population, embeddings=False, vocabulary=100)[0]
    counted = {kind: parameters(EN_DE, population, embeddings=kind, vocabulary=100)[0] for kind in ("stored", True)}
    assert counted["stored"] == counted[True] == none + 640 * 100
    assert parameters(EN_DE, population, embeddings="decoder-width", vocabulary=100)[0] == none + 512 * 100
    separate = spaces.create("hat-iwslt14-de-en")
    row = separate.population([separate.largest()])
    assert embedding_parameters(separate, row, count="stored", vocabulary=(100, 50))[0] == 640 * (100 + 2 * 50)


@pytest.mark.parametrize("name", [name for name in spaces.names() if spaces.create(name).family is EN_DE.family])
def test_counts_depend_on_the_architecture_only_and_grow_with_every_gene(name: str):
    space = spaces.create(name)
    population = space.sample(500, np.random.default_rng(0))
    for count in (all_parameters, all_flops):
        values = count(space, population)
        assert values.tolist() == count(space, space.canonical(population)).tolist()
        low, high = count(space, space.population([space.smallest(), space.largest()]))
        assert low <= values.min() <= values.max() <= high
    assert parameters(space, population[:0], embeddings=True).shape == (0,)


def all_parameters(space: SearchSpace, population: Population) -> np.ndarray:
    return parameters(space, population, embeddings=True)


def all_flops(space: SearchSpace, population: Population) -> np.ndarray:
    return flops(space, population, output_layer=True)


@pytest.mark.network
@pytest.mark.parametrize("embeddings", ["shared", "separate"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_counts_agree_with_the_network_and_an_independent_counter(tmp_path: Path, norm: str, embeddings: str):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

    path = tmp_path / "s.yaml"
    path.write_text(f"like: small-seq2seq\nbackbone: {{norm: {norm}, embeddings: {embeddings}}}")
    space = spaces.load_space(path)
    length, vocabulary = 7, 50
    sentence = torch.full((1, length), 5)
    rng = np.random.default_rng(0)
    for architecture in [*space.architectures(space.sample(2, rng)), space.largest()]:
        row = space.population([architecture])
        network = Seq2SeqTransformer(TransformerShape.of(architecture), space.constants, vocabulary).eval()
        stored = sum(parameter.numel() for parameter in network.parameters())
        assert parameters(space, row, embeddings="stored", vocabulary=vocabulary)[0] == stored
        bare = network.parameter_count(embeddings=False)
        assert parameters(space, row, embeddings=False)[0] == bare
        # The plain attention kernel is made of matrix products, all of which the counter sees.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(sentence, sentence)
        counted = flops(space, row, output_layer=True, vocabulary=vocabulary, sentence_length=length)[0]
        assert counted - 2 * elementwise(architecture, space, length) == counter.get_total_flops()


def elementwise(architecture: Architecture, space: SearchSpace, length: int) -> int:
    """Products of norms, scalings and shapes, one by one as the network makes them."""
    shape = TransformerShape.of(architecture)
    encoder, decoder = len(shape.encoder_ffn), len(shape.decoder_ffn)
    pre = space.constants.norm == "pre"
    total = (2 * encoder + (max(shape.attended) if pre else 0)) * length * shape.encoder_width
    total += (3 * decoder + (1 if pre else 0)) * length * shape.decoder_width
    total += length * (shape.encoder_width + shape.decoder_width)
    total += length * space.constants.qkv_dim * (encoder + 2 * decoder)
    return total + 2 * length + 3 * (encoder + 2 * decoder)
