"""Works out the profit of fills by itself, in decimal arithmetic.

Reads lines of `order,side,qty,price`, and a last one `mid,price`. Writes what was realized, charged and not
yet realized, by average cost and first in first out, to the last of nine digits.
Half a cent a share, a dollar an order at the least, one per cent of its value at the most.
"""

import sys
from decimal import Decimal, getcontext

getcontext().prec = 60
PER_SHARE, LEAST, SHARE_MAX = Decimal("0.005"), Decimal(1), Decimal("0.01")


def main():
    lines = [line.strip().split(",") for line in sys.stdin]
    mid = Decimal(lines.pop()[1])
    fills = [(order, side, Decimal(qty), Decimal(price)) for order, side, qty, price in lines]

    orders = {}
    for order, _, qty, price in fills:
        shares, value = orders.get(order, (Decimal(0), Decimal(0)))
        orders[order] = (shares + qty, value + qty * price)
    fees = sum(
        min(max(shares * PER_SHARE, LEAST), value * SHARE_MAX) for shares, value in orders.values()
    )

    # First in first out: lots of signed quantity and price.
    lots, realized = [], Decimal(0)
    for _, side, qty, price in fills:
        left = qty if side == "buy" else -qty
        while left and lots and (lots[0][0] > 0) != (left > 0):
            held, at = lots[0]
            closed = min(abs(held), abs(left))
            sign = 1 if held > 0 else -1
            realized += sign * closed * (price - at)
            lots[0] = (held - sign * closed, at)
            left += sign * closed
            if not lots[0][0]:
                lots.pop(0)
        if left:
            lots.append((left, price))
    open_gain = sum(held * (mid - at) for held, at in lots)

    # Average cost.
    position, cost, average = Decimal(0), Decimal(0), Decimal(0)
    for _, side, qty, price in fills:
        change = qty if side == "buy" else -qty
        if position and (position > 0) != (change > 0):
            closed = min(abs(position), abs(change)) * (1 if position > 0 else -1)
            average += closed * (price - cost / position)
            cost -= cost / position * closed
            position -= closed
            change += closed
        position += change
        cost += change * price
    average_open = position * mid - cost

    for name, value in [
        ("fees", fees),
        ("fifo_realized", realized),
        ("fifo_open", open_gain),
        ("average_realized", average),
        ("average_open", average_open),
    ]:
        print(name, f"{value:.9f}")


main()
