"""Linearization: the lines of Setup, Predict and Learn that compute a graph of values, and their register allocation.

A state is updated in place where its old value is no longer needed, else by a copy at the end of the function.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from azdsl.ir.metric import Metric
from azdsl.ir.program import Address, Instruction, Program
from azdsl.ir.value_graph import CONST, LEARN, PREDICT, SETUP, Graph, Value
from azdsl.limits import MAX_REGISTERS
from azdsl.ops import BY_NAME, Kind, Op

FUNCTION_NUMBERS = (SETUP, PREDICT, LEARN)
COPY = {kind: BY_NAME[f"{kind.word}_maximum"] for kind in Kind}
"""The op that copies a register: maximum(x, x) equals x bit for bit."""


class Sort(enum.Enum):
    """The purpose and lifetime of a variable."""

    GIVEN = "written by the evaluation before each function"
    PREDICTION = "the prediction"
    ZERO = "never written, and so zero"
    STATE = "carried from example to example"
    INVARIANT = "set once, in Setup"
    SHARED = "written by Predict for Learn"
    LOCAL = "within one function"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable. ``key`` distinguishes variables of one kind and sort. ``address`` is its register if that is fixed, else None."""

    kind: Kind
    sort: Sort
    key: int = 0
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An op on variables. ``value`` is the value that it computes, None for a copy."""

    op: Op
    inputs: tuple[Variable, ...]
    output: Variable
    constants: tuple[float, ...] = ()
    value: Value | None = None

    @property
    def is_copy(self) -> bool:
        """Whether the line is a copy."""
        return self.value is None


Lines = tuple[Line, ...]


@dataclass(frozen=True)
class Listing:
    """Setup, Predict and Learn as lines. Every variable except states and the prediction is written once."""

    functions: tuple[Lines, Lines, Lines]
    metric: Metric

    @property
    def lines(self) -> Iterator[tuple[int, Line]]:
        """All lines, each with the number of its function."""
        return ((number, line) for number, lines in enumerate(self.functions) for line in lines)

    def __len__(self) -> int:
        return sum(map(len, self.functions))


def linearize(graph: Graph) -> Listing:
    """The lines that compute ``graph``."""
    scheduler = _Scheduler(graph)
    setup, predict, learn = (scheduler.function(place) for place in FUNCTION_NUMBERS)
    return Listing((setup, predict, learn), graph.metric)


@dataclass
class _Scheduler:
    graph: Graph
    live: list[Value] = field(init=False)
    homes: dict[int, Address] = field(default_factory=dict)
    """The register of each value, by number, that is computed directly into a state or the prediction."""
    saved: set[Address] = field(default_factory=set)
    """States whose value before Predict is saved for Learn."""

    def __post_init__(self) -> None:
        self.live = self.graph.live()
        numbers = {value.number for value in self.live}
        self.states = {a: v for a, v in self.graph.states.items() if v.number in numbers}
        self.registers = {state.number: address for address, state in self.states.items()}
        self.nodes = [
            [v for v in self.live if v.op and v.place == place and not v.is_zero] for place in FUNCTION_NUMBERS
        ]
        self.stores = [self._stores(place) for place in FUNCTION_NUMBERS]
        self.reads = [self._reads(place) for place in FUNCTION_NUMBERS]
        self.stored_by_predict = {address for address, _ in self.stores[PREDICT]}

    def _stores(self, place: int) -> list[tuple[Address, Value]]:
        """The registers that have a new value at the end of the function ``place``, with the values."""
        found = []
        graph = self.graph
        for address in sorted(self.states.keys() | {graph.metric.prediction}, key=str):
            if place != PREDICT and address not in self.states:
                continue
            value = graph.exits[place][address]
            kept = value is self.states.get(address) and (
                place == PREDICT or address not in _changed_in(graph, PREDICT)
            )
            if place == SETUP:
                kept = value.is_zero
            if place == LEARN:
                kept = kept or value is (
                    graph.after if address == graph.metric.prediction else graph.exits[PREDICT][address]
                )
            if not kept:
                found.append((address, value))
        return found

    def _reads(self, place: int) -> set[int]:
        """The numbers of the values that the function ``place`` reads."""
        return {v.number for node in self.nodes[place] for v in node.inputs} | {v.number for _, v in self.stores[place]}

    def function(self, place: int) -> Lines:
        """The lines of one function."""
        nodes, stores = self.nodes[place], self.stores[place]
        for address, value in stores:
            if self._fits(place, address, value):
                self.homes[value.number] = address
        if place == PREDICT:
            self.saved = {
                a for a in self.stored_by_predict if a in self.states and self.states[a].number in self.reads[LEARN]
            }
        lines: list[Line] = []
        for node in nodes:
            lines += self._lines(node, place)
        copies = {
            self._home(address): self._at(value, place)
            for address, value in stores
            if self.homes.get(value.number) != address
        }
        if place == PREDICT:
            lines += [_copy(self._saved(a), self._home(a)) for a in sorted(self.saved, key=str)]
        return tuple(lines + _in_sequence(copies))

    def _lines(self, node: Value, place: int) -> list[Line]:
        """The line of a value, preceded by a copy if its op updates a value that is in another variable."""
        assert node.op is not None
        output = self._at(node, place)
        if not node.op.updates:
            return [Line(node.op, tuple(self._at(v, place) for v in node.inputs), output, node.constants, node)]
        old = node.inputs[-1]
        line = Line(node.op, (), output, node.constants, node)
        fresh = place == SETUP and old.is_zero and output.sort is not Sort.LOCAL
        source = self._at(old, place)
        return [line] if fresh or source == output else [_copy(output, source), line]

    def _fits(self, place: int, address: Address, value: Value) -> bool:
        """Whether ``value`` can be computed directly into ``address``: no later line reads the old content."""
        if value.place != place or value.op is None or value.is_zero or value.number in self.homes:
            return False
        if place == SETUP:
            return not any(value.number in self.reads[later] for later in (PREDICT, LEARN))
        if place == PREDICT and address == self.graph.metric.prediction and value.number in self.reads[LEARN]:
            return False  # Learn would read the squashed prediction
        held = self._held(place, address)
        if held is None:
            return True
        nodes = self.nodes[place]
        at = nodes.index(value)
        later = any(held in node.inputs for node in nodes[at + 1 :])
        copied = any(stored is held and other != address for other, stored in self.stores[place])
        kept = place == PREDICT and held.number in self.reads[LEARN]
        return not (later or copied or kept)

    def _held(self, place: int, address: Address) -> Value | None:
        """The value in a register when the function ``place`` starts; None if the register has no value to preserve."""
        if place == PREDICT:
            return self.states.get(address)
        if address == self.graph.metric.prediction:
            return self.graph.after
        return self.graph.exits[PREDICT][address] if address in self.stored_by_predict else self.states[address]

    def _at(self, value: Value, place: int) -> Variable:
        """The variable of ``value`` in the function ``place``."""
        if value.is_zero:
            return Variable(value.kind, Sort.ZERO)
        if value.number in self.homes:
            return self._home(self.homes[value.number])
        if value is self.graph.after:
            return self._home(self.graph.metric.prediction)
        if value.number in self.registers:
            address = self.registers[value.number]
            return self._saved(address) if place == LEARN and address in self.stored_by_predict else self._home(address)
        if value.given is not None:
            return Variable(value.kind, Sort.GIVEN, address=value.given)
        used = [later for later in FUNCTION_NUMBERS if later > value.place and value.number in self.reads[later]]
        sort = Sort.LOCAL if not used else Sort.INVARIANT if value.place == SETUP else Sort.SHARED
        return Variable(value.kind, sort, value.number)

    def _home(self, address: Address) -> Variable:
        if address == self.graph.metric.prediction:
            return Variable(address.kind, Sort.PREDICTION, address=address)
        return Variable(address.kind, Sort.STATE, address.index)

    def _saved(self, address: Address) -> Variable:
        return Variable(address.kind, Sort.SHARED, -1 - address.index)


def _changed_in(graph: Graph, place: int) -> set[Address]:
    """The states whose value after the function ``place`` differs from the value before Predict."""
    return {address for address, state in graph.states.items() if graph.exits[place][address] is not state}


def _copy(target: Variable, source: Variable) -> Line:
    """A copy; a scalar zero is set as a constant."""
    if source.sort is Sort.ZERO and source.kind is Kind.SCALAR:
        return Line(CONST, (), target, (0.0,))
    return Line(COPY[target.kind], (source, source), target)


def _in_sequence(copies: Mapping[Variable, Variable]) -> list[Line]:
    """Parallel copies as a sequence; a cycle is broken with a temporary variable."""
    pending = dict(copies)
    lines = []
    for number in count(1):
        free = [target for target in pending if target not in pending.values()]
        if free:
            lines.append(_copy(free[0], pending.pop(free[0])))
            continue
        if not pending:
            return lines
        target = next(iter(pending))
        aside = Variable(target.kind, Sort.LOCAL, -number)
        lines.append(_copy(aside, target))
        pending = {t: aside if source == target else source for t, source in pending.items()}
    raise AssertionError("endless")


def to_program(listing: Listing, share: bool = True) -> Program | None:
    """The program of ``listing`` after register allocation; None when it needs more than ``MAX_REGISTERS`` of a kind.

    Registers are numbered in order of appearance. Unless ``share`` is set, no two variables have the same register.
    """
    fixed = listing.metric.fixed
    lasting: dict[Variable, Address] = {}
    take = _taker(fixed, lasting)
    for _, line in listing.lines:
        for variable in (line.output, *line.inputs):
            if variable.address is None and not (share and variable.sort is Sort.LOCAL):
                take(variable)
    taken = fixed | set(lasting.values())
    blocks = [_block(lines, lasting, taken) for lines in listing.functions]
    if any(a.index >= MAX_REGISTERS for block in blocks for drafts in block for a in drafts[1]):
        return None
    return Program(*(tuple(_instruction(*draft) for draft in block) for block in blocks))


Draft = tuple[Line, tuple[Address, ...]]
"""A line with the registers of its output and its inputs."""


def _taker(taken: Iterable[Address], registers: dict[Variable, Address]) -> Callable[[Variable], None]:
    """A function that assigns the next free register to a variable that has none."""
    used = set(taken)

    def take(variable: Variable) -> None:
        if variable not in registers:
            registers[variable] = _free(variable.kind, used)
            used.add(registers[variable])

    return take


def _free(kind: Kind, taken: set[Address] | frozenset[Address]) -> Address:
    return next(address for index in count() if (address := Address(kind, index)) not in taken)


def _block(lines: Lines, lasting: Mapping[Variable, Address], taken: frozenset[Address]) -> list[Draft]:
    """Register allocation in one function: a local variable gets a register that is free from its definition to its last use."""
    last = {variable: at for at, line in enumerate(lines) for variable in (line.output, *line.inputs)}
    local: dict[Variable, Address] = {}
    block = []
    for at, line in enumerate(lines):
        # Inputs are read before the output is written, so the output may take a register that is read here last.
        busy = {address for variable, address in local.items() if last[variable] > at}
        if line.output.address is None and line.output not in lasting and line.output not in local:
            local[line.output] = _free(line.output.kind, taken | busy)
        registers = {**lasting, **local}
        block.append((line, tuple(v.address or registers[v] for v in (line.output, *line.inputs))))
    return block


def _instruction(line: Line, registers: tuple[Address, ...]) -> Instruction:
    return Instruction(line.op, registers[1:], registers[0], line.constants)
