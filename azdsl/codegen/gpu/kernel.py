"""The kernel: the evaluation (``evaluation``) and the virtual machine (``vm``) for the threads of a warp.

A warp evaluates one program of a batch on up to 32 tasks. The records are those that ``execute.link`` writes, with the number of a
handler instead of its address, and offsets into the warp's memory instead of addresses. They are shared by all warps of a program
and never written. A warp's memory holds the registers, then the features of the current example, then room for one register.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence

from llvmlite import ir

from azdsl.codegen.emitter import F64, I1, I32, I64, POINTER, Value
from azdsl.codegen.evaluation import Evaluation
from azdsl.codegen.gpu.threads import Shape, Threads, WarpEmitter
from azdsl.codegen.parts import NEVER
from azdsl.codegen.protocol import Field, Part, Specialization
from azdsl.codegen.vm import Machine
from azdsl.ops import Op

NAME = "evaluate"


class Parameter(enum.IntEnum):
    """The kernel's parameters, 8 bytes each."""

    TRAIN_X = 0  # numbers [T, N, F]
    TRAIN_Y = 1  # numbers [T, N]
    VALID_X = 2  # numbers [T, M, F]
    VALID_Y = 3  # numbers [T, M]
    FITNESS = 4  # float64 [P, T], written
    RECORDS = 5  # the programs' records
    TABLE = 6  # int64 [P, 5]: the number of the program, the words before its Setup, Predict and Learn, the bytes of its registers
    TASKS = 7  # T
    GROUPS = 8  # warps of a program
    N = 9
    M = 10
    EPOCH_LENGTH = 11
    EPOCHS = 12
    MAX_ABS_ERROR = 13  # float64
    SEED = 14
    FIRST_TASK = 15  # the number of the first task in random draws


POINTERS = frozenset(
    {
        Parameter.TRAIN_X,
        Parameter.TRAIN_Y,
        Parameter.VALID_X,
        Parameter.VALID_Y,
        Parameter.FITNESS,
        Parameter.RECORDS,
        Parameter.TABLE,
    }
)
TABLE_COLUMNS = 5

TYPES = tuple(POINTER if p in POINTERS else F64 if p is Parameter.MAX_ABS_ERROR else I64 for p in Parameter)
"""The parameters' LLVM types."""


class WarpMachine(Machine):
    """The virtual machine for a warp: handlers have numbers, and Predict returns to the call that a variable names."""

    e: WarpEmitter

    def entering(self) -> None:
        """Make Predict return to the call that is emitted next."""
        self.e.builder.store(ir.Constant(I1, self.calls > 1), self.validating)

    def predicting(self, x: Value) -> None:
        """Copy the features at ``x`` behind the registers, for v0."""
        e, place = self.e, self._beyond()
        e.spread(e.features, lambda i: e.store(e.load(x, i), place, i))
        e.barrier()
        e.builder.store(place, self.features)

    def learning(self, x: Value, y: Value) -> None:
        """Copy the label at ``y`` to s0; v0 is that of Predict."""
        e = self.e
        e.put(e.load(y), self.memory)
        e.barrier()

    def _beyond(self) -> Value:
        return self.e.offset(self.memory, self.cleared)

    def _spare(self) -> Value:
        return self.e.offset(self._beyond(), self.e.features * self.e.shape.stride)

    def _emit_handlers(self) -> None:
        self.validating = self.e.variable(I1, ir.Constant(I1, 0))
        super()._emit_handlers()

    def _jump(self, ip: Value, table: Sequence[ir.Block]) -> None:
        """Emit the jump to the handler of the record at ``ip``, which holds the handler's number."""
        b = self.e.builder
        setup, training, learn, validation, *others = table
        nowhere, predicted = b.append_basic_block("nowhere"), b.append_basic_block("predicted")
        switch = b.switch(b.load(ip, typ=I32), nowhere)
        for number, block in enumerate([setup, predicted, learn, validation, *others]):
            switch.add_case(ir.Constant(I32, number), block)
        b.position_at_end(predicted)
        b.cbranch(b.load(self.validating, typ=I1), validation, training)
        b.position_at_end(nowhere)
        b.unreachable()


class WarpEvaluation(Evaluation):
    """The evaluation of one program on the tasks of a warp, in the function of ``builder``.

    ``lane`` is the number of the thread in its warp, ``warp`` that of the warp, ``parameters`` the values of ``Parameter``.
    """

    e: WarpEmitter

    def __init__(
        self,
        builder: ir.IRBuilder,
        specialization: Specialization,
        ops: Collection[Op],
        shape: Shape,
        threads: Threads,
        lane: Value,
        warp: Value,
        parameters: Sequence[Value],
    ) -> None:
        self.builder, self.specialization, self.parameters = builder, specialization, parameters
        self.backend = WarpMachine(ops, specialization.metric)
        self.arguments = None
        b, count = builder, parameters[Parameter.TASKS]
        groups = b.trunc(parameters[Parameter.GROUPS], I32)
        program, group = b.udiv(warp, groups), b.urem(warp, groups)
        first = b.mul(group, ir.Constant(I32, shape.tasks))
        task = b.zext(b.add(first, b.udiv(lane, ir.Constant(I32, shape.rows))), I64)
        self.live = b.icmp_unsigned("<", task, count)
        # threads without a task compute on the last one's examples, and write nothing
        self.task = b.select(self.live, task, b.sub(count, ir.Constant(I64, 1)))
        row = b.gep(
            parameters[Parameter.TABLE],
            [b.mul(b.zext(program, I64), ir.Constant(I64, TABLE_COLUMNS))],
            source_etype=I64,
        )
        number, *starts, used = [
            b.load(b.gep(row, [ir.Constant(I64, at)], source_etype=I64), typ=I64) for at in range(TABLE_COLUMNS)
        ]
        self.place = b.add(b.mul(number, count), self.task)
        fields = {
            **{int(Field[p.name]): parameters[p] for p in Parameter if p.name in Field.__members__},
            int(Field.TASK): b.add(parameters[Parameter.FIRST_TASK], self.task),
            int(Field.LANES): b.zext(self.live, I64),
            int(Field.TRACE): ir.Constant(I64, 0),
            int(Field.MEMORY): ir.Constant(I32, 0),
            int(Field.MEMORY_BYTES): b.trunc(used, I32),
            **{
                int(Field.CODE) + part: b.gep(parameters[Parameter.RECORDS], [starts[part.function]], source_etype=I64)
                for part in Part
            },
            int(Field.SETTLED): ir.Constant(I64, NEVER),
            int(Field.UNREAD): ir.Constant(I64, 0),
        }
        self.e = WarpEmitter(builder, shape, threads, lane, fields)
        self._emit()

    def _place_of(self, field: Field, at: Value, count: int) -> Value:
        """A pointer to example ``at`` of this thread's task."""
        b = self.builder
        examples = self._field(Field.N if field in (Field.TRAIN_X, Field.TRAIN_Y) else Field.M)
        place = b.add(b.mul(self.task, examples), at)
        return self.e.element_pointer(self._field(field), b.mul(place, ir.Constant(I64, count)))

    def _best(self) -> Value:
        return self.e.variable(F64)

    def _finish(self, stopped: Value) -> None:
        """Write the fitness, in one thread of each task."""
        b = self.builder
        with b.if_then(b.and_(self.live, self.e.leads)):
            out = b.gep(self.parameters[Parameter.FITNESS], [self.place], source_etype=F64)
            b.store(b.load(self.best, typ=F64), out)


def open_function(function: ir.Function) -> ir.IRBuilder:
    """A builder in a function's first block after the entry block, where variables are."""
    entry, start = (function.append_basic_block(name) for name in ("entry", "start"))
    builder = ir.IRBuilder(entry)
    builder.branch(start)
    builder.position_at_end(start)
    return builder
