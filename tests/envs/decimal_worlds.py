"""Bars and orders in decimals, to work the slow account by hand."""

from decimal import Decimal

from decimal_account import DecimalAccount, Order
from decimal_rows import Row, Rules

D = Decimal
# Per unit: as a maker 1; as a taker 1 + (0.5 + 1.0) x 2 = 4; forced 1 + (0.5 + 0.5) x 2 = 3.
FIGURES = tuple(D(x) for x in (1, 0, 1, 0, 2, 0, 0))
RULES = Rules(
    capital=D(10_000),
    multiplier=D(2),
    tick=D("0.5"),
    lot=D(1),
    initial=D("0.10"),
    maintenance=D("0.08"),
    size="contracts",
    contracts=D(10),
)
QUIET = (100, 100, 100, 100)


def row(bar, **facts):
    opened, high, low, close = (D(str(price)) for price in bar)
    plain = Row(
        open=opened,
        high=high,
        low=low,
        close=close,
        late_open=opened,
        late_high=high,
        late_low=low,
        volume=D(1000),
        carry_long=D(0),
        carry_short=D(0),
        rolls=False,
        spread_multiplier=D(1),
        figures=FIGURES,
        session=0,
        scheduled=True,
        atr=D(2),
        trailing_sd=D("0.01"),
        volatility=D(1),
        break_ahead_hours=D(0),
        edge_ahead=False,
    )
    return plain._replace(**facts)


def lived(orders, *rows, **changes):
    """What the account says after each order; the rows after the first, then a last quiet one."""
    rows = [row(QUIET), *(item if isinstance(item, Row) else row(item) for item in rows)]
    account = DecimalAccount([*rows, row(QUIET)], RULES._replace(**changes))
    return [account.step(order) for order in orders]


def buy(**prices):
    return Order(1, **{name: D(str(price)) for name, price in prices.items()})


def sell(**prices):
    return buy(**prices)._replace(target=-1)
