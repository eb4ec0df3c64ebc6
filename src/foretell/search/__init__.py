"""Search: evolution under constraints, scored by any schedule of predictors."""

from foretell.search.evolution import evolve
from foretell.search.journal import ScoreJournal, open_journal
from foretell.search.result import Front, Generation, SearchResult
from foretell.search.schedule import Schedule, Stretch
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution

__all__ = [
    "Evolution",
    "Front",
    "Generation",
    "Schedule",
    "ScoreJournal",
    "Scorer",
    "SearchResult",
    "Stretch",
    "evolve",
    "open_journal",
]
