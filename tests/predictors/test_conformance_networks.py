"""The contract, kept by predictors that are networks."""

import numpy as np
import pytest
import torch

from foretell import predictors
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.predictors.supernet import SupernetPredictor
from foretell.tasks.translation import EncodedPairs, Sequences, validation_batches
from foretell.testing import PredictorConformance
from foretell.training import KINDS, SupernetOptions

pytestmark = pytest.mark.network


class TestDistilled(PredictorConformance):
    spelling = "distilled(steps=25)"
    labels = 40


@pytest.mark.parametrize("kind", KINDS)
class TestSupernet(PredictorConformance):
    tested = 6

    @pytest.fixture(autouse=True)
    def _kind(self, kind):
        self.kind = kind

    def make(self, context):
        torch.manual_seed(0)
        space = context.space
        mixture = SupernetOptions(router_width=8).mixture(self.kind)
        network = Seq2SeqTransformer(TransformerShape.of(space.largest()), space.constants, 64, mixture=mixture)
        rng = np.random.default_rng(0)
        sides = [Sequences.of([rng.integers(4, 64, size=n).tolist() for n in (3, 5, 8)]) for _ in range(2)]
        return SupernetPredictor(space, network, validation_batches(EncodedPairs(*sides), 32))


def test_every_registered_predictor_is_held_to_the_contract_somewhere():
    """Some prove themselves beside their own tests, the language model among them; all others here."""
    from tests.predictors.test_conformance import ELSEWHERE

    assert {"experience", "llm", "llm-embedding", "distilled", "student", *KINDS} == ELSEWHERE
    assert set(predictors.names()) >= ELSEWHERE
