import pytest
from team_factory import make_team


@pytest.fixture
def team():
    return make_team()
