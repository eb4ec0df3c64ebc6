import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.families.base import networks_of, restore
from foretell.nn import Mixture
from foretell.spaces import SearchSpace, create

pytestmark = pytest.mark.network


def test_a_space_without_a_family_builds_no_networks():
    with pytest.raises(InputError, match=r"of the family \(none\), which builds no networks"):
        networks_of(SearchSpace({"width": [1, 2]}))


def test_a_network_is_restored_by_its_familys_name_and_older_ones_without():
    space = create("small-seq2seq")
    network = networks_of(space).build(space.smallest(), {"vocabulary": 12})
    for name in (network.family, None):
        again = restore(name, network.config())
        assert type(again) is type(network)
        assert again.config() == network.config()
    with pytest.raises(UnknownNameError, match="encoder_decoder"):
        restore("encoder_decoders", network.config())


def test_routers_read_the_averages_by_the_published_norm():
    space = create("hat-wmt14-en-de")
    built = networks_of(space).build(space.smallest(), {"vocabulary": 12}, mixture=Mixture("layer-wise"))
    norm = (640.0, 6.0, 2048.0, 6.0, 640.0, 6.0, 2048.0, 6.0, 6.0, 2.0)
    assert built.mixture == Mixture("layer-wise", norm=norm)
    small = create("small-seq2seq")
    built = networks_of(small).build(small.smallest(), {"vocabulary": 12}, mixture=Mixture("layer-wise"))
    assert built.mixture == Mixture("layer-wise")
