"""The statistics of `portcullis analyze`, worked out again with numpy and the standard library.

Reads what is asked for as one JSON object from standard input, writes the figures as one to standard
output, under the same names as `portcullis analyze --json`. Shares no code with the gateway: dates are
matched by dictionaries, matrices are numpy's, the normal distribution is that of `statistics`.
"""

import csv
import gzip
import json
import math
import statistics
import sys

import numpy as np


def read(path):
    """Prices by column name and day."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    names = rows[0][1:]
    columns = {name: {} for name in names}
    for row in rows[1:]:
        for name, cell in zip(names, row[1:]):
            if cell.strip():
                columns[name][row[0]] = float(cell)
    return columns


def returns(columns, names, returns_max):
    """The days that all names have, as many as are wanted, and a matrix of a row for each return."""
    days = sorted(set.intersection(*(set(columns[name]) for name in names)))
    if returns_max is not None:
        days = days[-(returns_max + 1):]
    prices = np.array([[columns[name][day] for name in names] for day in days])
    return days, prices, np.diff(prices, axis=0) / prices[:-1]


def ewma(values, weight):
    # The weights of all days at once, the newest last.
    ages = np.arange(len(values) - 1, -1, -1)
    weights = (1 - weight) * weight**ages
    weights[0] = weight ** (len(values) - 1)
    return math.sqrt(float(weights @ values**2))


def shrunk(matrix, condition_max):
    """Correlations, the sampled condition number or none, and by how much they were shrunk."""
    correlation = np.corrcoef(matrix, rowvar=False)
    count = correlation.shape[0]
    values = np.linalg.eigvalsh(correlation)
    least, greatest = values[0], values[-1]
    singular = least <= greatest * np.finfo(float).eps * count
    condition = None if singular else greatest / least
    if condition is not None and condition <= condition_max:
        return correlation, condition, 0.0
    days = matrix.shape[0]
    standard = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    sample = standard.T @ standard / days
    distance = np.sum((sample - np.eye(count)) ** 2)
    error = np.mean([np.sum((np.outer(row, row) - sample) ** 2) for row in standard]) / days
    intensity = min(error, distance) / distance
    least = 0.0 if singular else least
    # (greatest (1 - s) + s) / (least (1 - s) + s) = condition_max
    excess = greatest - condition_max * least
    enough = excess / (excess + condition_max - 1)
    intensity = max(intensity, enough)
    return (1 - intensity) * correlation + intensity * np.eye(count), condition, intensity


def shortfall(gains, tail):
    """Acerbi's and Tasche's: the mean of the quantile function over the tail."""
    ordered = np.sort(gains)
    edges = np.arange(len(gains) + 1) / len(gains)
    inside = np.clip(np.minimum(edges[1:], tail) - edges[:-1], 0, None)
    return -float(inside @ ordered) / tail


def number(value):
    return None if value is None or not math.isfinite(value) else float(value)


def main():
    asked = json.load(sys.stdin)
    columns = {}
    for path in asked["files"]:
        columns.update(read(path))
    index, returns_max = asked["index"], asked["returns_max"]
    if asked["holdings"] is None:
        names = [name for name in columns if name != index]
    else:
        names = [name for name, _ in asked["holdings"]]
    days, prices, matrix = returns(columns, names, returns_max)
    if asked["holdings"] is None:
        values = np.full(len(names), 1 / len(names))
    else:
        values = np.array([qty for _, qty in asked["holdings"]]) * prices[-1]
    gross = np.abs(values).sum()
    equity = gross if asked["equity"] is None else asked["equity"]
    gains = matrix @ values
    year, weight = asked["days_per_year"], asked["ewma_lambda"]
    root = math.sqrt(year)

    correlation, condition, intensity = shrunk(matrix, asked["condition_max"])
    deviations = matrix.std(axis=0, ddof=1)
    covariance = correlation * np.outer(deviations, deviations)
    mean, deviation = gains.mean(), math.sqrt(float(values @ covariance @ values))

    def beta(name):
        _, _, pair = returns(columns, [name, index], returns_max)
        both = np.cov(pair, rowvar=False)
        return both[0, 1] / both[1, 1]

    symbols = [
        {
            "symbol": name,
            "value": values[at],
            "share_of_gross": values[at] / gross,
            "mean_day": matrix[:, at].mean(),
            "volatility_day": deviations[at],
            "volatility_year": deviations[at] * root,
            "ewma_volatility_day": ewma(matrix[:, at], weight),
            "ewma_volatility_year": ewma(matrix[:, at], weight) * root,
            "beta": beta(name),
        }
        for at, name in enumerate(names)
    ]

    normal = statistics.NormalDist()
    method = {"linear": "linear", "observed": "inverted_cdf"}[asked["quantile"]]
    tails = []
    for confidence in asked["var"]:
        # From the decimal text: 1 - 0.95 in binary is more than 0.05.
        tail = (1_000_000 - round(float(confidence) * 1e6)) / 1e6
        z = normal.inv_cdf(float(confidence))
        tails.append({
            "measure": "VaR", "confidence": confidence,
            "historical": -np.quantile(gains, tail, method=method),
            "normal": z * deviation - mean,
            "ewma": z * ewma(gains, weight),
        })
    for confidence in asked["es"]:
        tail = (1_000_000 - round(float(confidence) * 1e6)) / 1e6
        z = normal.inv_cdf(float(confidence))
        tails.append({
            "measure": "ES", "confidence": confidence,
            "historical": shortfall(gains, tail),
            "normal": normal.pdf(z) / tail * deviation - mean,
            "ewma": normal.pdf(z) / tail * ewma(gains, weight),
        })

    _, _, beside = returns(columns, names + [index], returns_max)
    both = np.cov(beside[:, :-1] @ values, beside[:, -1])
    wealth = np.concatenate([[1.0], np.cumprod(1 + gains / equity)])
    depth = 1 - wealth / np.maximum.accumulate(wealth)
    deepest = int(depth.argmax())
    worst, best = int(gains.argmin()), int(gains.argmax())
    share = gains / equity
    shares = np.abs(values) / gross
    json.dump({
        "first_day": days[0],
        "last_day": days[-1],
        "returns": len(gains),
        "symbols": symbols,
        "correlation": {
            "symbols": names,
            "matrix": correlation.tolist(),
            "covariance_day": covariance.tolist(),
            "condition": number(condition),
            "shrinkage": intensity,
        },
        "portfolio": {
            "gross": gross,
            "net": values.sum(),
            "equity": equity,
            "mean_day": mean / equity,
            "volatility_day": deviation / equity,
            "volatility_year": deviation / equity * root,
            "ewma_volatility_day": ewma(share, weight),
            "sharpe": (share.mean() * year - asked["risk_free_rate"]) / (share.std(ddof=1) * root),
            "beta": both[0, 1] / both[1, 1] / equity,
            "worst": {"day": days[worst + 1], "gain": gains[worst], "share": share[worst]},
            "best": {"day": days[best + 1], "gain": gains[best], "share": share[best]},
            "drawdown": {
                "deepest": depth[deepest],
                "from": days[int(wealth[: deepest + 1].argmax())],
                "to": days[deepest],
            },
        },
        "tails": tails,
        "concentration": [{
            "of": "symbol",
            "herfindahl_index": float(shares @ shares),
            "effective_count": 1 / float(shares @ shares),
        }],
        "stress": [
            {"scenario": "of the index", "gain": sum(
                value * beta(name) * -0.2 for name, value in zip(names, values)
            )},
        ],
    }, sys.stdout)


main()
