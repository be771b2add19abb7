"""The fields of instruction words in compiled code: the functions of ``azdsl.ir.packing``, inlined into their callers."""

from __future__ import annotations

from azdsl.codegen.numba_jit import inline
from azdsl.ir import packing

op_code = inline(packing.op_code)
first_input = inline(packing.first_input)
second_input = inline(packing.second_input)
output_register = inline(packing.output_register)
make_word = inline(packing.make_word)
with_field = inline(packing.with_field)
