"""Draw market.svg from the tables of docs/market.md.

python docs/images/draw_market.py
"""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "market.md"
PICTURE = Path(__file__).with_name("market.svg")
LEFT, TOP, STEP, BODY, HEIGHT = 70, 30, 104, 30, 380
LOWEST, HIGHEST = 4944.0, 5032.0
INK, PALE, BLUE, RED, GREEN = "#24292f", "#8c959f", "#0969da", "#cf222e", "#1a7f37"


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of every table, without its head."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        found.append(rows[2:])
    return found


def prices(order: str) -> dict[str, float]:
    """Return limit, stop and target of an order's text."""
    return {
        name: float(value) for name, value in re.findall(r"(limit|stop|target) ([\d.]+)", order)
    }


def x(bar: float) -> float:
    """Middle of a bar."""
    return LEFT + STEP * (bar + 0.5)


def y(price: float) -> float:
    """Height of a price."""
    return TOP + HEIGHT * (HIGHEST - price) / (HIGHEST - LOWEST)


def line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    """Draw a line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="1.5" {extra}/>'


def text(at: float, height: float, said: str, colour: str = INK, anchor: str = "middle") -> str:
    """Write a word."""
    place = f'x="{at:.1f}" y="{height:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{said}</text>'


def candle(bar: int, opened: float, high: float, low: float, close: float) -> list[str]:
    """Draw a bar: hollow where it rose, filled where it fell."""
    top, bottom = y(max(opened, close)), y(min(opened, close))
    fill = "#ffffff" if close > opened else PALE
    box = f'x="{x(bar) - BODY / 2:.1f}" y="{top:.1f}" width="{BODY}" height="{bottom - top:.1f}"'
    return [
        line(x(bar), y(high), x(bar), y(low), INK),
        f'<rect {box} fill="{fill}" stroke="{INK}" stroke-width="1.5"/>',
        text(x(bar), TOP + HEIGHT + 24, f"bar {bar}"),
    ]


def level(first: int, last: int, price: float, name: str, colour: str, dash: str) -> list[str]:
    """Draw an order that lies at a price from one bar to another."""
    begin, end, height = x(first) - STEP / 2 + 4, x(last) + STEP / 2 - 4, y(price)
    beside = x(first) + BODY / 2 + 5 if name == "limit" else begin  # clear of the candles
    return [
        line(begin, height, end, height, colour, f'stroke-dasharray="{dash}"'),
        text(beside, height - 5, f"{name} {price:g}", colour, "start"),
    ]


def orders(rows: list[list[str]]) -> list[str]:
    """Draw limits for their bar; stops and targets while there is a position."""
    drawn = []
    for place, (bar, order, entry, *_) in enumerate(rows):
        first, given = int(bar), prices(order)
        if "limit" in given:
            drawn += level(first, first, given["limit"], "limit", BLUE, "2 0")
        if entry in ("FILLED", "RESTED"):
            last = next(int(later[0]) for later in rows[place:] if later[3])
            drawn += level(first, last, given["stop"], "stop", RED, "6 4")
            drawn += level(first, last, given["target"], "target", GREEN, "6 4")
    return drawn


def fills(rows: list[list[str]]) -> list[str]:
    """Mark fills with a dot, and say below each bar what became of its orders."""
    drawn = []
    for bar, order, entry, ended, price, *_ in rows:
        at = x(int(bar))
        said = {"MISSED": "missed", "MARGIN": "refused: margin", "": "held"}.get(entry)
        if price:
            colour = {"STOP": RED, "TARGET": GREEN}.get(ended, BLUE)
            drawn.append(
                f'<circle cx="{at:.1f}" cy="{y(float(price)):.1f}" r="5" fill="{colour}"/>'
            )
            side = "bought" if ("long" in order) != bool(ended) else "sold"
            said = f"{side} at {float(price):g}"
        drawn.append(text(at, TOP + HEIGHT + 42, said or ""))
        drawn.append(text(at, TOP + HEIGHT + 58, (ended or entry).lower() if price else "", PALE))
    return drawn


def draw(page: str) -> str:
    """Return the picture of a page's bars and orders."""
    _, bars, rows, _ = tables(page)
    width, height = LEFT + STEP * len(bars) + 20, TOP + HEIGHT + 72
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for price in range(4950, 5031, 10):
        drawn.append(line(LEFT, y(price), width - 20, y(price), "#eaeef2"))
        drawn.append(text(LEFT - 8, y(price) + 4, str(price), PALE, "end"))
    for bar, *values, spread in bars:
        if spread != "1":
            edge, dots = x(int(bar)) - STEP / 2, 'stroke-dasharray="1 5"'
            drawn.append(line(edge, TOP, edge, TOP + HEIGHT, PALE, dots))
            drawn.append(text(edge, TOP - 8, "break", PALE))
        drawn += candle(int(bar), *(float(value) for value in values))
    return "\n".join([*drawn, *orders(rows), *fills(rows), "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(PAGE.read_text()))
