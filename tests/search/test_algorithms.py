"""Every algorithm keeps the same protocol, by the tests that are published."""

import builtins
import json
from dataclasses import replace

import numpy as np
import pytest

from foretell.costs import Constraints, CostModel
from foretell.errors import InputError, UnknownNameError
from foretell.objectives import Fidelities
from foretell.search import Propose, Schedule, Scorer, Setting, search_by_schedule
from foretell.search.algorithms import create, describe, names, sizes_for
from foretell.spaces import SearchSpace
from foretell.testing import AlgorithmConformance
from tests.llm.fault_server import FaultServer
from tests.search.conftest import Linear


class _Named(AlgorithmConformance):
    name = ""

    def make(self, setting):
        return create(self.name, setting)


class TestEvolution(_Named):
    name = "evolution"


class TestRandom(_Named):
    name = "random"


class TestRegularised(_Named):
    name = "regularised"


class TestNsga2(_Named):
    name = "nsga2"


class TestPredictor(_Named):
    name = "predictor"


class TestTpe(_Named):
    name = "tpe"


class TestGp(_Named):
    name = "gp"
    evaluations = 3  # after the third, each takes seconds


class TestCmaEs(_Named):
    name = "cmaes"


class TestBohb(_Named):
    name = "bohb"


class TestAsha(_Named):
    name = "asha"


@pytest.mark.filterwarnings("ignore::foretell.llm.ProposalWarning")
class TestLlm(_Named):
    """Of a model that has eight ideas and then no more."""

    name = "llm"

    @pytest.fixture(autouse=True)
    def _model(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
        ideas = [{"layers": n % 3 + 1, "width": 4 + 4 * (n % 4), "heads": [1 + n % 2]} for n in range(8)]
        with FaultServer(says=json.dumps({"architectures": ideas})) as server:
            self.propose = Propose(llm=f"{server.url}#fake")
            yield

    def make(self, setting):
        return create(self.name, replace(setting, propose=self.propose))


class TestGenius(TestLlm):
    name = "genius"


class TestEvolutionWithProposals(TestLlm):
    name = "evolution"


class TestRegularisedWithProposals(TestLlm):
    name = "regularised"


def test_every_algorithm_has_its_conformance_test():
    tested = {*_Named.__subclasses__(), *TestLlm.__subclasses__()}
    assert {each.name for each in tested} == set(names())


def test_an_unknown_algorithm_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'regularised'"):
        create("regularized", Setting(CostModel(SearchSpace({"a": [1, 2]}))))


@pytest.mark.parametrize("name", [name for name in names() if describe(name).fidelities])
def test_algorithms_of_many_fidelities_need_an_objective_that_has_them(name):
    with pytest.raises(InputError, match="declare the objective's fidelity"):
        create(name, Setting(CostModel(SearchSpace({"a": [1, 2]}))))


def test_cma_es_needs_numbers():
    with pytest.raises(InputError, match="moves in numbers, and mixer"):
        create("cmaes", Setting(CostModel(SearchSpace({"a": [1, 2], "mixer": ["gru", "conv"]}))))


def test_nsga2_needs_costs():
    with pytest.raises(InputError, match="declares none"):
        create("nsga2", Setting(CostModel(SearchSpace({"a": [1, 2]}))))


def test_without_optuna_one_sentence_names_the_extra(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name.split(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"pip install 'foretell\[optuna\]'"):
        create("tpe", Setting(CostModel(SearchSpace({"a": [1, 2]}))))


@pytest.mark.parametrize("evaluations", [None, 1, 8, 16, 30, 100, 3750])
def test_generations_fit_into_what_there_is(evaluations):
    sizes = sizes_for(evaluations)
    assert 4 <= sizes.population <= 125
    assert sizes.population <= max(4, (evaluations or 16) // 4)


@pytest.mark.parametrize("name", ["random", "regularised", "nsga2", "tpe", "cmaes"])
def test_predictors_judge_any_algorithm_by_schedule(costs, space, name):
    """Two judges with opposite opinions: what the last one likes is found, within the limits."""
    limits = Constraints.parse(["params_without_embeddings<=150K"])
    judges = {"first": Linear(space, "first", sign=-1.0), "last": Linear(space, "last")}
    scorers = {key: Scorer(judge, key) for key, judge in judges.items()}
    found = search_by_schedule(
        costs, limits, Schedule.parse("first:1-2,last:3-6"), scorers, sizes_for(48), algorithm=name, seed=1
    )
    assert limits.satisfied(costs, found.finalists).all()
    assert found.score == judges["last"].predict(space.population([found.best])).mean[0]
    assert found.score == max(scorers["last"].known.values())
    assert len(found.history) == 6
    assert (found.front is not None) == (name == "nsga2")


def test_a_gaussian_process_goes_where_it_is_good():
    space = SearchSpace({"a": list(range(30))})
    algorithm = create("gp", Setting(CostModel(space), evaluations=9))
    seen = []
    for _ in range(7):
        asked = algorithm.ask(4)
        seen.append(int(asked.rows[0, 0]))
        algorithm.tell(asked.numbers, -np.abs(asked.rows[:, 0] - 11.0))
    assert min(abs(place - 11) for place in seen[3:]) < min(abs(place - 11) for place in seen[:3])


def test_a_pruner_trains_few_in_full():
    """ASHA: many candidates a little, and every one that goes on keeps its number and its architecture."""
    space = SearchSpace({"a": list(range(50)), "b": list(range(50))})
    setting = Setting(CostModel(space), evaluations=20, fidelities=Fidelities(unit="epochs", full=16))
    algorithm = create("asha", setting)
    seen = {}
    for _ in range(120):
        asked = algorithm.ask(1)
        seen.setdefault(int(asked.numbers[0]), []).append((asked.rows.tobytes(), float(asked.fidelities[0])))
        algorithm.tell(asked.numbers, asked.rows.sum(axis=1).astype(float))
    shares = [[share for _, share in steps] for steps in seen.values()]
    assert all(steps == [1 / 16, 1 / 4, 1.0][: len(steps)] for steps in shares)
    assert all(len({row for row, _ in steps}) == 1 for steps in seen.values())
    reached = [sum(len(steps) > rung for steps in shares) for rung in range(3)]
    assert reached[0] > 2 * reached[1] > 4 * reached[2] > 0
    assert np.mean([len(steps) for steps in shares]) < 1.6


def test_a_scored_search_ends_where_all_that_keeps_the_limits_is_scored():
    space = SearchSpace({"a": [1, 2, 3, 4], "b": [1, 2, 3]}, costs={"params": "a * b"})
    limits, schedule = Constraints.parse(["params<=6"]), Schedule.parse("linear:1-30")
    scorer = Scorer(Linear(space), "linear")
    found = search_by_schedule(CostModel(space), limits, schedule, {"linear": scorer}, algorithm="random", seed=1)
    assert len(scorer.used) == 9
    assert found.best is not None
