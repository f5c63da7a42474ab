"""The account that all kernels are held to: one order after the other, one event after the other.

Plain `Decimal` arithmetic on the decimal numbers that prices are written as, slow and obvious on
purpose. It follows `docs/definitions.md`, "One step", and shares no line with what it checks.
"""

from decimal import ROUND_FLOOR, Decimal, getcontext
from typing import NamedTuple

from decimal_rows import FIGURES, Row, Rules

getcontext().prec = 34
ZERO, ONE, BP = Decimal(0), Decimal(1), Decimal("0.0001")
NEARLY = Decimal("1e-15")


class Order(NamedTuple):
    """What is sent at the close of a bar; prices and the size are decimals, None where unset."""

    target: int
    size: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    take_profit: Decimal | None = None


class Told(NamedTuple):
    """What the account says after a bar."""

    equity: Decimal
    cost: Decimal
    gross: Decimal
    traded: Decimal  # signed units held over the bar, before it may have ended inside
    quantity: Decimal  # signed units at the close
    executed: int
    position: int
    bars_held: int
    outcome: str
    ended: str


class DecimalAccount:
    """One account over the rows [start, stop): it decides at start .. stop - 2 and ends flat."""

    def __init__(self, rows: list[Row], rules: Rules, start: int = 0, stop: int | None = None):
        self.rows, self.rules = rows, rules
        self.bar, self.stop = start, len(rows) if stop is None else stop
        self.cash = self.equity = self.session_equity = rules.capital
        self.quantity, self.entry, self.bars_held = ZERO, ZERO, 0
        self.stop_price: Decimal | None = None
        self.target_price: Decimal | None = None

    @property
    def position(self) -> int:
        return (self.quantity > 0) - (self.quantity < 0)

    @property
    def over(self) -> bool:
        """True where nothing is left to decide: the last row, or all money lost."""
        return self.bar >= self.stop - 1 or self.equity <= 0

    def step(self, order: Order | int) -> Told:
        """Live through the next bar; a bare number is an order as the settings make it."""
        self.eve, self.now = self.rows[self.bar], self.rows[self.bar + 1]
        order = self.from_settings(order) if isinstance(order, int) else order
        target, before = self.allowed(order.target), self.equity
        self.paid, self.outcome, self.ended = ZERO, "NONE", "NONE"
        self.entered, self.rested_at = False, None
        if self.now.session != self.eve.session:
            self.session_equity = self.equity
        self.pay_carry()
        if target != self.position:
            margin_money = self.cash + self.quantity * self.fill_open() * self.rules.multiplier
            self.exit_leg()
            if target != 0:
                self.entry_leg(order._replace(target=target), margin_money)
        traded, executed = self.quantity, self.position
        if self.position != 0:
            self.bars_held += 1
            self.live_inside()
        self.equity = self.worth(self.now.close)
        self.bar += 1
        gross, held = self.equity - before + self.paid, self.bars_held
        told = (self.equity, self.paid, gross, traded, self.quantity, executed, self.position)
        return Told(*told, held, self.outcome, self.ended)

    # --- before the bar

    def from_settings(self, target: int) -> Order:
        close, atr, rules = self.eve.close, self.eve.atr, self.rules
        limit = close if rules.entry == "limit" else None
        stop = profit = None
        if rules.stop_atr is not None and atr > 0:
            stop = close - target * rules.stop_atr * atr
        if rules.target_atr is not None and atr > 0:
            profit = close + target * rules.target_atr * atr
        return Order(target, None, limit, stop, profit)

    def allowed(self, target: int) -> int:
        """The hard limits: what is known at the close of the bar before."""
        rules = self.rules
        if rules.long_only and target < 0:
            target = 0
        long_break = rules.edge == "carry" and self.eve.break_ahead_hours > 24
        if long_break and target != self.position:
            target = 0
        if rules.edge == "flat" and self.eve.edge_ahead:
            target = 0
        if self.position != 0 and self.bars_held >= rules.max_hold:
            target = 0
        return 0 if self.bar == self.stop - 2 else target

    def pay_carry(self) -> None:
        if self.position == 0:
            return
        units = abs(self.quantity)
        self.pay(units * (self.now.carry_long if self.position > 0 else self.now.carry_short))
        if self.now.rolls:
            self.pay(units * 2 * self.taker(ZERO))

    # --- what trading costs, per unit of quantity

    def figure(self, name: str) -> Decimal:
        return self.now.figures[FIGURES.index(name)]

    def half_spread(self) -> Decimal:
        """Half the spread in price units."""
        wide = self.now.spread_multiplier
        ticks, points = self.figure("half_spread_ticks"), self.figure("half_spread_bps")
        return ticks * wide * self.rules.tick + points * wide * BP * self.now.open

    def slip(self) -> Decimal:
        ticks, points = self.figure("slippage_ticks"), self.figure("slippage_bps")
        price = ticks * self.rules.tick + points * BP * self.now.open
        return price * self.eve.volatility if self.rules.slippage == "volatility" else price

    def impact(self, units: Decimal) -> Decimal:
        if self.rules.slippage != "volume_share" or units == 0:
            return ZERO
        share = ONE if self.now.volume == 0 else min(abs(units) / self.now.volume, ONE)
        return self.rules.impact * share * share * self.now.open * self.rules.multiplier

    def fee(self, name: str) -> Decimal:
        notional = self.now.open * self.rules.multiplier
        return self.figure("commission") + self.figure(name) * BP * notional

    def maker(self) -> Decimal:
        return self.fee("maker_fee_bps")

    def taker(self, units: Decimal) -> Decimal:
        spread = (self.half_spread() + self.slip()) * self.rules.multiplier
        return self.fee("fee_bps") + spread + self.impact(units)

    def forced(self, units: Decimal) -> Decimal:
        extra = self.rules.tick if self.rules.tick > 0 else self.slip()
        spread = (self.half_spread() + extra) * self.rules.multiplier
        return self.fee("fee_bps") + spread + self.impact(units)

    # --- money

    def pay(self, money: Decimal) -> None:
        self.cash -= money * self.rules.cost_scale
        self.paid += money * self.rules.cost_scale

    def trade(self, units: Decimal, price: Decimal, per_unit: Decimal) -> None:
        self.cash -= units * price * self.rules.multiplier
        self.quantity += units
        self.pay(abs(units) * per_unit)

    def worth(self, price: Decimal) -> Decimal:
        return self.cash + self.quantity * price * self.rules.multiplier

    # --- at the open

    def fill_open(self) -> Decimal:
        """The price of market legs: the open, or a minute later."""
        return self.now.open if self.rules.fill == "next_open" else self.now.late_open

    def exit_leg(self) -> None:
        if self.quantity != 0:
            self.trade(-self.quantity, self.fill_open(), self.taker(self.quantity))
        self.forget_position()

    def entry_leg(self, order: Order, margin_money: Decimal) -> None:
        side, price = order.target, self.fill_open()
        resting = False
        if order.limit is not None:
            resting = side * (order.limit - price) < self.half_spread()
            price = order.limit if resting else price
        units = self.in_lots(self.unit(price) * (ONE if order.size is None else order.size))
        self.outcome = self.refusal(units, price, margin_money)
        if self.outcome:
            return
        self.outcome = "RESTED" if resting else "FILLED"
        if self.rules.slippage == "volume_share":
            most = self.rules.volume_limit * self.now.volume
            if units > most:
                units, self.outcome = self.in_lots(most), "PARTIAL"
        if units == 0:
            self.outcome = "BELOW_LOT"
        elif resting and not self.traded_through(side, price):
            self.outcome = "MISSED"
        else:
            cost = self.maker() if resting else self.taker(units)
            self.trade(side * units, price, cost)
            self.entered, self.entry, self.rested_at = True, price, price if resting else None
            self.stop_price, self.target_price = order.stop, order.take_profit

    def unit(self, price: Decimal) -> Decimal:
        """Units that a position of 1 is."""
        rules = self.rules
        if rules.size == "contracts":
            return rules.contracts
        money = self.session_equity
        if rules.size == "vol_target":
            yearly = max(self.eve.trailing_sd, rules.sd_floor) * rules.bars_per_year.sqrt()
            money *= min(rules.vol_target / yearly, ONE / rules.initial)
        return money / (price * rules.multiplier)

    def in_lots(self, units: Decimal) -> Decimal:
        if not self.rules.whole_lots:
            return units
        lots = units / self.rules.lot + NEARLY  # a third of three is one
        return lots.to_integral_value(ROUND_FLOOR) * self.rules.lot

    def refusal(self, units: Decimal, price: Decimal, margin_money: Decimal) -> str:
        rules, now = self.rules, self.now
        if rules.edge == "flat" and not now.scheduled:
            return "CLOSED"
        if units == 0:
            return "BELOW_LOT"
        if rules.slippage == "volume_share" and now.volume == 0:
            return "NO_VOLUME"
        asked = units * price * rules.multiplier * rules.initial
        return "MARGIN" if rules.size == "contracts" and asked > margin_money else ""

    def traded_through(self, side: int, limit: Decimal) -> bool:
        """True where the bar trades a whole tick beyond a resting limit."""
        _, high, low = self.prices(own=True)
        beyond = limit - low if side > 0 else high - limit
        return beyond >= self.rules.tick if self.rules.tick > 0 else beyond > 0

    # --- inside the bar

    def prices(self, own: bool) -> tuple[Decimal, Decimal, Decimal]:
        """Open, high and low that a position meets; `own`: in the bar of its entry."""
        now = self.now
        if own and self.rules.fill == "next_open+1m":
            return now.late_open, now.late_high, now.late_low
        return now.open, now.high, now.low

    def live_inside(self) -> None:
        opened, high, low = self.prices(own=self.entered)
        side = self.position
        worst, best = (low, high) if side > 0 else (high, low)
        if self.rested_at is None and self.ends_at_open(side, opened):
            return
        hits = []
        if self.stop_price is not None and side * (worst - self.stop_price) <= 0:
            hits.append((side * self.stop_price, 1, "STOP"))
        if self.lacks_margin(worst):
            hits.append((side * self.margin_price(), 0, "LIQUIDATED"))
        if hits:
            level, _, name = max(hits)  # of a falling price, the higher level comes first
            if self.rested_at is not None:
                level = min(level, side * self.rested_at)
            self.end(side * level, self.forced(self.quantity), name)
        elif self.target_price is not None and self.rested_at is None:
            beyond = side * (best - self.target_price)
            if beyond >= self.rules.tick > 0 or beyond > 0 == self.rules.tick:
                self.end(self.target_price, self.maker(), "TARGET")

    def ends_at_open(self, side: int, opened: Decimal) -> bool:
        stop, target = self.stop_price, self.target_price
        if stop is not None and side * (opened - stop) <= 0:
            self.end(opened, self.forced(self.quantity), "STOP")
        elif self.lacks_margin(opened):
            self.end(opened, self.forced(self.quantity), "LIQUIDATED")
        elif target is not None and side * (opened - target) >= self.half_spread():
            self.end(opened, self.taker(self.quantity), "TARGET")
        return self.ended != "NONE"

    def lacks_margin(self, price: Decimal) -> bool:
        notional = abs(self.quantity) * abs(price) * self.rules.multiplier
        return self.worth(price) < self.rules.maintenance * notional

    def margin_price(self) -> Decimal:
        """The price at which equity is the maintenance margin."""
        share = ONE - self.rules.maintenance * self.position
        return -self.cash / (self.quantity * self.rules.multiplier * share)

    def end(self, price: Decimal, per_unit: Decimal, name: str) -> None:
        self.trade(-self.quantity, price, per_unit)
        self.ended = name
        self.forget_position()

    def forget_position(self) -> None:
        self.quantity, self.bars_held = ZERO, 0
        self.stop_price = self.target_price = None
