"""Documents and code agree: cited definitions exist, commands of the README compose."""

import re
import shlex
from pathlib import Path

import pytest

from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.schema import TrainConfig

ROOT = Path(__file__).parents[1]
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "docs" / "definitions.md").read_text(), re.MULTILINE)
CITATION = re.compile(r"docs/definitions\.md`*,\s+(?:section\s+)?\"?([^\n.;)]{3,60})")


def citations() -> list[tuple[str, str]]:
    """Every title that a source file cites, with its file."""
    found = []
    for file in sorted((ROOT / "grandmodel").rglob("*.py")):
        text = re.sub(r"\s*\n\s*", " ", file.read_text())
        found += [(str(file.relative_to(ROOT)), title) for title in CITATION.findall(text)]
    return found


def test_cited_definitions_exist() -> None:
    cited = citations()
    assert len(cited) > 40
    missing = [
        (file, title)
        for file, title in cited
        if not any(title.startswith(heading.split(" (")[0]) for heading in HEADINGS)
    ]
    assert not missing


def readme_overrides() -> list[list[str]]:
    """Overrides of every `python train.py` in the README that needs no run and no file."""
    commands = re.findall(r"`?python train\.py([^`\n]*)`?", (ROOT / "README.md").read_text())
    split = [shlex.split(command) for command in commands]
    return [
        [word for word in words if word not in ("-m",)]
        for words in split
        if not any(word.startswith(("resume", "init_from", "--")) for word in words)
    ]


@pytest.mark.parametrize("overrides", readme_overrides(), ids=" ".join)
def test_commands_of_the_readme_compose(overrides: list[str]) -> None:
    single = [re.sub(r"=(\w+|\[[^]]*\]),.*$", r"=\1", word) for word in overrides]
    assert typed(compose("train", single), TrainConfig).total_steps >= 1


def test_local_links_lead_somewhere() -> None:
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[)#]", file.read_text()):
            if not link.startswith("http"):
                assert (file.parent / link).exists(), f"{file.name}: {link}"
