"""Search: evolution under constraints, scored by any schedule of predictors."""

from foretell.search.evolution import Evolution, Generation, SearchResult, evolve
from foretell.search.journal import ScoreJournal, open_journal
from foretell.search.schedule import Schedule, Stretch
from foretell.search.scorer import Scorer

__all__ = [
    "Evolution",
    "Generation",
    "Schedule",
    "ScoreJournal",
    "Scorer",
    "SearchResult",
    "Stretch",
    "evolve",
    "open_journal",
]
