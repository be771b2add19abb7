"""Programs as arrays, and the fields of an instruction word."""

from __future__ import annotations

import numpy as np
from from_python import from_python
from strategies import random_program

from azdsl import parse
from azdsl.codegen import instruction_words
from azdsl.ir import Address, pack, packing, unpack
from azdsl.ops import Kind

FIELDS = ("op_code", "first_input", "second_input", "output_register")


def test_packing_and_unpacking_are_inverse():
    for seed in range(200):
        program = random_program(np.random.default_rng(seed))
        packed = pack(program)
        assert unpack(packed.lengths, packed.code, packed.constants) == program


def test_fields_of_a_word():
    values = (65, 1, 0xFFFF, 63)
    word = packing.make_word(*values)
    assert word == 65 | 1 << 16 | 0xFFFF << 32 | 63 << 48
    assert tuple(getattr(packing, name)(word) for name in FIELDS) == values
    both = np.array([word, packing.make_word(1, 2, 3, 4)])
    assert [getattr(packing, name)(both).tolist() for name in FIELDS] == [
        [a, b] for a, b in zip(values, (1, 2, 3, 4), strict=True)
    ]
    for shift, expected in (
        (packing.A_SHIFT, (65, 9, 0xFFFF, 63)),
        (packing.B_SHIFT, (65, 1, 9, 63)),
        (packing.OUT_SHIFT, (65, 1, 0xFFFF, 9)),
    ):
        assert packing.with_field(word, shift, 9) == packing.make_word(*expected)


def test_compiled_code_has_the_same_fields():
    word = packing.make_word(65, 1, 0xFFFF, 63)
    for name in FIELDS:
        assert from_python(getattr(instruction_words, name))(word) == getattr(packing, name)(word)
    assert from_python(instruction_words.make_word)(65, 1, 0xFFFF, 63) == word
    changed = packing.with_field(word, packing.B_SHIFT, 9)
    assert from_python(instruction_words.with_field)(word, packing.B_SHIFT, 9) == changed


def test_registers_of_a_program_in_order_of_appearance():
    program = parse("def Setup():\n  s3 = 0.5\ndef Predict():\n  v2 = s3 * v0\n  s1 = dot(v2, v0)\n  NoOp()\n")
    s, v = Kind.SCALAR, Kind.VECTOR
    assert program.registers == (Address(s, 3), Address(v, 0), Address(v, 2), Address(s, 1))
