"""What trades have paid, earned and are worth, worked out with decimals that nothing rounds.

Reads where the trades stand (CSV), the terms of each symbol and how each owner's cost is taken as one JSON
object from standard input; writes, for each account and strategy and each symbol, position, cost, realized,
fees, cash and unrealized in the currency that the symbol settles in, and profit in the firm's. Shares no
code with the gateway.
"""

import csv
import json
import sys
from collections import defaultdict, deque
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

getcontext().prec = 80
ZERO = Decimal(0)


class Book:
    """What one owner holds of one symbol, as lots of a signed quantity and what it has cost."""

    def __init__(self, is_fifo):
        self.is_fifo = is_fifo
        self.lots = deque()
        self.realized = self.fees = self.transferred = ZERO

    position = property(lambda self: sum((qty for qty, _ in self.lots), ZERO))
    cost = property(lambda self: sum((cost for _, cost in self.lots), ZERO))

    def trade(self, qty, cost):
        price = cost / qty
        while qty and self.lots and (self.lots[0][0] > 0) != (qty > 0):
            held, paid = self.lots.popleft()
            closed = min(abs(held), abs(qty))
            part = closed / abs(held)
            signed = closed if qty > 0 else -closed
            # What the closing trade brings, less what the closed part has cost.
            self.realized -= price * signed + paid * part
            qty -= signed
            if closed != abs(held):
                self.lots.appendleft((held + signed, paid * (1 - part)))
        if qty:
            self.lots.append((qty, price * qty))
        if not self.is_fifo:
            self.join()

    def join(self):
        qty, cost = self.position, self.cost
        self.lots = deque([(qty, cost)] if qty else [])

    def split(self, ratio):
        self.join()
        self.lots = deque((qty * ratio, cost) for qty, cost in self.lots)

    def cash(self):
        return self.realized - self.fees - self.cost + self.transferred


def value(terms, qty, price):
    """What a quantity is worth: what buying it costs."""
    size = qty * Decimal(terms["multiplier"])
    return -size / price if terms["is_inverse"] else size * price


def charge(order, fees, liquidity, qty, worth):
    """What an order comes to with one more fill, less what it came to before."""
    rate = fees[liquidity]
    order["rated"] += Decimal(rate["per_unit"]) * abs(qty) + Decimal(rate["of_value"]) * abs(worth)
    order["value"] += abs(worth)
    total = order["rated"]
    if fees["order_min"] is not None:
        total = max(total, Decimal(fees["order_min"]))
    if fees["order_max"] is not None:
        total = min(total, Decimal(fees["order_max"]))
    if fees["order_share_max"] is not None:
        total = min(total, order["value"] * Decimal(fees["order_share_max"]))
    fee, order["fees"] = total - order["fees"], total
    return fee


def main():
    asked = json.load(sys.stdin)
    terms, is_fifo = asked["terms"], asked["is_fifo"]
    books = {
        kind: [{name: Book(fifo) for name in terms} for fifo in is_fifo[kind]]
        for kind in ("account", "strategy")
    }
    orders = defaultdict(lambda: {"rated": ZERO, "value": ZERO, "fees": ZERO})
    with open(asked["trades"], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        symbol, kind = row["symbol"], row["kind"]
        of, qty, price = terms[symbol], Decimal(row["qty"]), Decimal(row["price"])
        if kind == "split":
            for book in (owner[symbol] for owners in books.values() for owner in owners):
                book.split(qty / price)
            continue
        cash, fee = Decimal(row["cash"]), Decimal(row["fee"])
        worth = value(of, qty, price) if price else ZERO
        if kind == "fill" and not fee and of["fees"] is not None:
            fee = charge(orders[row["order"]], of["fees"], row["liquidity"], qty, worth)
        for owner in ("account", "strategy"):
            book = books[owner][int(row[owner])][symbol]
            if kind == "cash":
                book.realized += cash
                continue
            book.trade(qty, worth)
            book.fees += fee - cash
            if kind == "transfer":
                book.transferred += worth
    json.dump({kind: [said(owner, terms) for owner in owners] for kind, owners in books.items()}, sys.stdout)


def said(owner, terms):
    answer = {}
    for name, book in owner.items():
        of = terms[name]
        mid = of["mid"]
        unrealized = ZERO
        if mid is not None and book.position:
            unrealized = value(of, book.position, Decimal(mid)) - book.cost
        figures = {
            "cost": book.cost,
            "realized": book.realized,
            "fees": book.fees,
            "cash": book.cash(),
            "unrealized": unrealized,
            "profit": (book.realized - book.fees + unrealized) * Decimal(of["rate"]),
        }
        digits = Decimal(1).scaleb(-17)
        answer[name] = {
            key: format(figure.quantize(digits, ROUND_HALF_EVEN), "f") for key, figure in figures.items()
        }
        position = format(book.position.quantize(Decimal(1).scaleb(-8)), "f")
        answer[name]["position"] = position.rstrip("0").rstrip(".") if "." in position else position
    return answer


main()
