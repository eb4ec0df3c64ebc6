"""How good a predictor is: the same labels, the same splits, and an interval for every figure."""

from foretell.evaluation.bootstrap import Bootstrap, interval, student_interval
from foretell.evaluation.discordance import Discordance, discordance
from foretell.evaluation.document import to_csv, to_json
from foretell.evaluation.metrics import MEASURES, Judged, figures, measure
from foretell.evaluation.noise import Ceiling, LabelQuality, label_quality, tau_ceiling
from foretell.evaluation.row import Evaluation, Row
from foretell.evaluation.splits import SplitPlan
from foretell.evaluation.table import TRIVIAL, evaluate
from foretell.evaluation.unseen import unseen_row
from foretell.evaluation.views import comparable_set

__all__ = [
    "MEASURES",
    "TRIVIAL",
    "Bootstrap",
    "Ceiling",
    "Discordance",
    "Evaluation",
    "Judged",
    "LabelQuality",
    "Row",
    "SplitPlan",
    "comparable_set",
    "discordance",
    "evaluate",
    "figures",
    "interval",
    "label_quality",
    "measure",
    "student_interval",
    "tau_ceiling",
    "to_csv",
    "to_json",
    "unseen_row",
]
