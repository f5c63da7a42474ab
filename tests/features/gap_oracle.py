"""Fair value gaps once more, bar by bar with plain objects, from docs/definitions.md alone."""

from dataclasses import dataclass

BODIES, FACTOR, LIFE, EQUAL = 20, 1.5, 50, 1e-12


@dataclass
class Gap:
    side: int
    bottom: float
    top: float
    born: int
    touched: bool = False

    @property
    def width(self):
        return self.top - self.bottom

    def reached(self, high, low):
        """Whether a bar comes to the near edge."""
        return low <= self.top if self.side > 0 else high >= self.bottom

    def filled(self, high, low):
        """Whether its wick comes to the far edge."""
        return low <= self.bottom if self.side > 0 else high >= self.top


class GapBook:
    """Takes bars one by one; keeps the active gaps and writes down what happens to them."""

    def __init__(self, tick):
        self.tick = tick
        self.bars, self.active, self.events = [], [], []

    def take(self, opened, high, low, close):
        """Take a bar; return flags, nearest level, its age, pulse, filled side and size, width."""
        now = len(self.bars)
        self.bars.append((opened, high, low, close))
        filled = self._end_old(now, high, low)
        born = self._created(now)
        if born is not None:
            self.active.append(born)
            self._note(now, "created", born)
        return (*self._shown(now, close), *self._spoken(filled, close))

    def _note(self, now, what, gap):
        self.events.append((now, what, gap.side, gap.born, gap.bottom, gap.top))

    def _end_old(self, now, high, low):
        filled = []
        for gap in list(self.active):
            if gap.reached(high, low) and not gap.touched:
                gap.touched = True
                self._note(now, "touched", gap)
            if gap.filled(high, low):
                filled.append(gap)
                self.active.remove(gap)
                self._note(now, "mitigated", gap)
            elif now == gap.born + LIFE:
                self.active.remove(gap)
                self._note(now, "expired", gap)
        return filled

    def _created(self, now):
        if now < BODIES + 1:
            return None
        _, high, low, _ = self.bars[now]
        _, high_before, low_before, _ = self.bars[now - 2]
        if low > high_before:
            gap = Gap(1, high_before, low, now)
        elif high < low_before:
            gap = Gap(-1, high, low_before, now)
        else:
            return None
        bodies = [abs(bar[3] - bar[0]) for bar in self.bars[now - BODIES - 1 : now]]
        usual = sum(bodies[:-1]) / BODIES
        return gap if bodies[-1] > FACTOR * max(usual, self.tick) else None

    def _shown(self, now, close):
        level = age = width = 0.0
        best = None
        for gap in sorted(self.active, key=lambda gap: -gap.born):  # the younger, the lower edge
            for edge in (gap.bottom, gap.top):
                away = abs(edge - close)
                if best is None or away < best - EQUAL * close:
                    best, level, age, width = away, edge, now - gap.born, gap.width
        sides = {gap.side for gap in self.active}
        return 1 in sides, -1 in sides, level, age, width

    def _spoken(self, filled, close):
        speaks = None
        for gap in sorted(filled, key=lambda gap: gap.born):
            if speaks is None or gap.width >= speaks.width - EQUAL * close:
                speaks = gap
        if speaks is None:
            return False, 0, 0.0
        return True, speaks.side, speaks.width


SHOWN = (
    "fvg_bullish_active", "fvg_bearish_active", "fvg_nearest_level", "fvg_age", "fvg_width",
    "fvg_mitigation_signal", "fvg_mitigated_direction", "fvg_mitigated_size",
)  # fmt: skip


def gaps_of(bars, tick):
    """Return columns by name and events (row, name, side, row of birth, bottom, top)."""
    book = GapBook(tick)
    prices = zip(*(getattr(bars, name).tolist() for name in ("open", "high", "low", "close")),
                 strict=True)  # fmt: skip
    rows = [book.take(*bar) for bar in prices]
    return dict(zip(SHOWN, zip(*rows, strict=True), strict=True)), book.events
