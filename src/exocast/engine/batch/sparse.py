"""Factors of a sparse matrix as expressions.

W = 1/(hγ)·I − J is factorised without looking at its numbers: diagonal pivots in the order of
Markowitz (the row and column with the fewest products first), fill known beforehand. Each entry of
the factors is one expression over those before it, so that solving is straight-line code. A pivot
that is no number, or zero, is found where the factors are used.

What is stored is −L, the reciprocals of U's diagonal, and −U beside it: eliminating in −W with
multipliers of the other sign, every update is a sum of a product, one fused instruction without a
negation, and to the last bit what the usual signs give.

H. M. Markowitz, Management Science 3 (1957) 255. doi:10.1287/mnsc.3.3.255
"""

from __future__ import annotations

from dataclasses import dataclass

from exocast.engine.batch.graph import Graph, Node

Place = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """Where the factors of a matrix are not zero.

    Attributes
    ----------
    order
        Rows and columns in order of elimination.
    rows
        For each row, in that order: columns of L (each before the row), and of U after the
        diagonal, by position in the order.
    places
        Index of every entry of the factors, row by row; the diagonal holds reciprocals.
    """

    order: tuple[int, ...]
    rows: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    places: dict[Place, int]

    @property
    def operations(self) -> int:
        """Products and divisions of one factorisation."""
        later = [len(upper) for _, upper in self.rows]
        return sum(sum(1 + later[k] for k in lower) + 1 for lower, _ in self.rows)


def pattern_of(size: int, entries: set[Place]) -> Pattern:
    """Order of elimination and fill of a matrix with these entries and a full diagonal."""
    row = [{i} for i in range(size)]
    column = [{i} for i in range(size)]
    for i, j in entries:
        row[i].add(j)
        column[j].add(i)
    left = set(range(size))
    order: list[int] = []
    lower: list[set[int]] = [set() for _ in range(size)]
    upper: list[set[int]] = [set() for _ in range(size)]
    while left:
        pivot = min(left, key=lambda i: ((len(row[i]) - 1) * (len(column[i]) - 1), i))
        left.discard(pivot)
        order.append(pivot)
        right, below = row[pivot] - {pivot}, column[pivot] - {pivot}
        upper[pivot] = right
        for i in below:
            lower[i].add(pivot)
            row[i].discard(pivot)
            new = right - row[i]
            row[i] |= new
            for j in new:
                column[j].add(i)
        for j in right:
            column[j].discard(pivot)
    position = {index: k for k, index in enumerate(order)}
    rows = tuple(
        (
            tuple(sorted(position[k] for k in lower[i])),
            tuple(sorted(position[j] for j in upper[i])),
        )
        for i in order
    )
    places: dict[Place, int] = {}
    for i, (before, after) in enumerate(rows):
        for j in (*before, i, *after):
            places[i, j] = len(places)
    return Pattern(order=tuple(order), rows=rows, places=places)


def matrix(graph: Graph, pattern: Pattern, jacobian: dict[Place, Node]) -> dict[Place, Node]:
    """Entries of −W before elimination, by position; those of fill alone are 0.

    ``jacobian`` is indexed by states. The factor 1/(hγ) is the load ``g`` 0.
    """
    shift = graph.load("g", 0)
    zero = graph.const(0.0)
    found: dict[Place, Node] = {}
    for i, j in pattern.places:
        entry = jacobian.get((pattern.order[i], pattern.order[j]), zero)
        found[i, j] = graph.sub(entry, shift) if i == j else entry
    return found


def factors(graph: Graph, pattern: Pattern, entries: dict[Place, Node]) -> list[Node]:
    """Expressions of all entries of the factors, in the order of ``pattern.places``."""
    zero = graph.const(0.0)
    done: dict[Place, Node] = {}
    result: list[Node] = []
    for i, (before, after) in enumerate(pattern.rows):
        row = {j: entries.get((i, j), zero) for j in (*before, i, *after)}
        for k in before:
            row[k] = graph.mul(row[k], done[k, k])
            for j in pattern.rows[k][1]:
                row[j] = graph.add(row[j], graph.mul(row[k], done[k, j]))
        row[i] = graph.unary("recip", graph.unary("neg", row[i]))
        for j in (*before, i, *after):
            done[i, j] = row[j]
            result.append(row[j])
    return result


def solution(graph: Graph, pattern: Pattern) -> list[Node]:
    """Expressions of x in W·x = f + q·b, by state; all are loads, the factors of ``lu``."""
    share = graph.load("q", 0)
    entry = {place: graph.load("lu", index) for place, index in pattern.places.items()}
    x: list[Node] = []
    for i, (before, _) in enumerate(pattern.rows):
        place = pattern.order[i]
        value = graph.add(graph.load("f", place), graph.mul(share, graph.load("b", place)))
        for k in before:
            value = graph.add(value, graph.mul(entry[i, k], x[k]))
        x.append(value)
    for i in reversed(range(len(x))):
        for j in pattern.rows[i][1]:
            x[i] = graph.add(x[i], graph.mul(entry[i, j], x[j]))
        x[i] = graph.mul(x[i], entry[i, i])
    by_state = [graph.const(0.0)] * len(x)
    for i, index in enumerate(pattern.order):
        by_state[index] = x[i]
    return by_state
