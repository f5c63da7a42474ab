"""Draw power.png: how often the verdict says `shown`, out of benchmarks/results/verdict_power.json.

python docs/images/draw_power.py
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt

PICTURE = Path(__file__).with_name("power.png")
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "verdict_power.json"
COLOURS = {1: "#8c959f", 20: "#0969da", 200: "#cf222e"}


def main() -> None:
    """Draw a panel for each length of the split and a curve for each number of trials."""
    cells = json.loads(RESULTS.read_text())["cells"]
    cells = [cell for cell in cells if cell["market"] > 0.0]
    lengths = sorted({cell["years"] for cell in cells})
    figure, panels = plt.subplots(1, len(lengths), figsize=(10, 3.4), sharey=True)
    for panel, years in zip(panels, lengths, strict=True):
        for trials, colour in COLOURS.items():
            own = [c for c in cells if (c["years"], c["trials"]) == (years, trials)]
            shares = [100.0 * cell["shown"] for cell in own]
            label = f"{trials} trial" + "s" * (trials > 1)
            panel.plot([c["sharpe"] for c in own], shares, marker="o", color=colour, label=label)
        for level in (5, 80):
            panel.axhline(level, color="#d0d7de", linewidth=1, linestyle="--", zorder=0)
        panel.set_title(f"{years} years", fontsize=10)
        panel.set_xlabel("true net Sharpe ratio a year")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("verdict is `shown`, %")
    panels[0].set_ylim(0, 102)
    panels[-1].legend(frameon=False, fontsize=9, loc="lower right")
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
