"""A slow, obvious account: plain Python floats, one order after the other."""


class SlowAccount:
    def __init__(self, tape, config, stop, start=0):
        self.tape, self.config, self.instrument = tape, config, tape.instrument
        self.bar, self.stop = start, stop
        self.cash = self.equity = self.session_equity = config.capital
        self.quantity, self.position, self.held, self.entry = 0.0, 0, 0, 0.0
        self.equities = [config.capital]

    def limited(self, target):
        tape, ahead = self.tape, self.bar + 1
        edge = self.config.edge or self.instrument.edge
        if self.instrument.long_only and target < 0:
            target = 0
        entering = target != self.position
        if edge == "carry" and entering and float(tape.break_ahead_hours[self.bar]) > 24.0:
            target = 0
        if edge == "flat" and bool(tape.edge_ahead[self.bar]):
            target = 0
        if self.held >= self.config.max_hold_bars or ahead == self.stop - 1:
            target = 0
        return target

    def fee(self, quantity, slippage_ticks, ahead):
        """Of a fill of `quantity` at the open of `ahead`."""
        i, price = self.instrument, float(self.tape.open[ahead])
        wide = float(self.tape.spread_multiplier[ahead])
        tick = i.tick or 0.0
        per_unit = i.commission
        per_unit += (i.half_spread_ticks * wide + slippage_ticks) * tick * i.multiplier
        points = i.fee_bps + i.half_spread_bps * wide + i.slippage_bps
        return abs(quantity) * (per_unit + points / 10_000 * price * i.multiplier)

    def step(self, wanted):
        tape, i, ahead = self.tape, self.instrument, self.bar + 1
        price, mult = float(tape.open[ahead]), i.multiplier
        if int(tape.session[ahead]) != int(tape.session[self.bar]):
            self.session_equity = self.equity
        target = self.limited(wanted)
        cost, liquidated = 0.0, False
        flat = (self.config.edge or i.edge) == "flat"
        if target != self.position and flat and not bool(tape.scheduled[ahead]):
            target = 0
        if target != self.position and self.config.size == "contracts":
            margin = i.initial_margin * self.config.contracts * price * mult
            if margin > self.cash + self.quantity * price * mult:
                target = 0
        if target != self.position:
            unit = self.session_equity / (price * mult)
            if self.config.size == "contracts":
                unit = self.config.contracts
            order = target * unit - self.quantity
            cost = self.fee(order, i.slippage_ticks, ahead)
            self.cash -= order * price * mult + cost
            self.quantity, self.position, self.held, self.entry = target * unit, target, 0, price
        executed = self.position
        if self.position != 0:
            self.held += 1
            long = self.quantity > 0
            worst = float(tape.low[ahead] if long else tape.high[ahead])
            value = self.quantity * worst * mult
            m = i.maintenance_margin
            if self.cash + value < m * abs(value):
                liquidated = True
                level = -self.cash / (self.quantity * mult * (1 - m if long else 1 + m))
                fill = min(level, price) if long else max(level, price)
                forced = self.fee(self.quantity, 1.0, ahead)
                self.cash += self.quantity * fill * mult - forced
                cost += forced
                self.quantity, self.position, self.held = 0.0, 0, 0
        close = float(tape.close[ahead])
        before, self.equity = self.equity, self.cash + self.quantity * close * mult
        self.equities.append(self.equity)
        self.bar = ahead
        return {
            "equity": self.equity,
            "cost": cost,
            "pnl_gross": self.equity - before + cost,
            "executed": executed,
            "position": self.position,
            "bars_held": self.held,
            "liquidated": liquidated,
        }

    def account_block(self):
        window = self.equities[-(self.config.episode_bars + 1) :]
        drawdown = 1 - self.equity / max(window)
        atr = float(self.tape.atr14[self.bar])
        move = float(self.tape.close[self.bar]) - self.entry
        profit = self.position * move / atr if atr > 0 else 0.0
        return [self.position, profit, min(4.0, self.held / 48), min(1.0, 20 * drawdown)]
