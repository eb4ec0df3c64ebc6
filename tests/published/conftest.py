from tests.training.conftest import task  # noqa: F401
