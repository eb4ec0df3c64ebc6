"""Search: any algorithm under constraints, judged by a schedule of predictors or by trainings."""

from foretell.search.algorithm import Algorithm, Asked, Setting
from foretell.search.dialogue import Dialogue, Training
from foretell.search.halving import Halving, HalvingReport, HalvingScorer
from foretell.search.journal import ScoreJournal, open_journal
from foretell.search.race import run_race
from foretell.search.race_result import RaceResult
from foretell.search.race_settings import Race
from foretell.search.result import Front, Generation, SearchResult
from foretell.search.runner import ObjectiveRunner, Runner
from foretell.search.schedule import HS_NAS, Schedule, Stretch
from foretell.search.scorer import Scorer
from foretell.search.searching import evolve, search_by_schedule
from foretell.search.settings import Evolution, Propose

__all__ = [
    "HS_NAS",
    "Algorithm",
    "Asked",
    "Dialogue",
    "Evolution",
    "Front",
    "Generation",
    "Halving",
    "HalvingReport",
    "HalvingScorer",
    "ObjectiveRunner",
    "Propose",
    "Race",
    "RaceResult",
    "Runner",
    "Schedule",
    "ScoreJournal",
    "Scorer",
    "SearchResult",
    "Setting",
    "Stretch",
    "Training",
    "evolve",
    "open_journal",
    "run_race",
    "search_by_schedule",
]
