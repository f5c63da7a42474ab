from pathlib import Path

from grandmodel.features.columns_page import ADDED, FAST, SHIPPED, columns_page, extra_facts
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.catalogue import EXTRAS
from grandmodel.features.matrix import tape_columns

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_page_of_columns_is_the_one_that_the_code_writes():
    assert PAGE.read_text() == columns_page(), (
        "docs/columns.md is out of date: write grandmodel.features.columns_page.columns_page() "
        "into it"
    )


def test_every_column_of_a_tape_has_its_facts_and_no_other_has():
    assert set(SHIPPED) == set(tape_columns(FeatureConfig(temporal=True)))
    assert set(FAST) == set(tape_columns(FeatureConfig(minutes=5)))
    assert set(extra_facts()) == set(EXTRAS)
    assert not set(ADDED) & set(SHIPPED)
