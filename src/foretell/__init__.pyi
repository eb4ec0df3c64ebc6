from foretell.metrics import Metric as Metric
from foretell.observations import Observation as Observation
from foretell.observations import ObservationSet as ObservationSet
from foretell.spaces import Architecture as Architecture
from foretell.spaces import Gene as Gene
from foretell.spaces import SearchSpace as SearchSpace
from foretell.study.opening import create_study as create_study
from foretell.study.opening import load_study as load_study
from foretell.study.trials import Study as Study
from foretell.study.trials import Trial as Trial

__version__: str
