"""Search: evolution under constraints, scored by any schedule of predictors."""

from foretell.search.evolution import evolve
from foretell.search.halving import Halving, HalvingReport, HalvingScorer
from foretell.search.journal import ScoreJournal, open_journal
from foretell.search.nsga import nsga2
from foretell.search.race import run_race
from foretell.search.race_result import RaceResult
from foretell.search.race_settings import Race
from foretell.search.regularised import Ageing, regularised_evolution
from foretell.search.result import Front, Generation, SearchResult
from foretell.search.runner import ObjectiveRunner, Runner
from foretell.search.schedule import Schedule, Stretch
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution

__all__ = [
    "Ageing",
    "Evolution",
    "Front",
    "Generation",
    "Halving",
    "HalvingReport",
    "HalvingScorer",
    "ObjectiveRunner",
    "Race",
    "RaceResult",
    "Runner",
    "Schedule",
    "ScoreJournal",
    "Scorer",
    "SearchResult",
    "Stretch",
    "evolve",
    "nsga2",
    "open_journal",
    "regularised_evolution",
    "run_race",
]
