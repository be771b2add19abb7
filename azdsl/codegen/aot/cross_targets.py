"""Machines other than this one that models can be compiled for."""

from __future__ import annotations

from collections.abc import Mapping

from azdsl.codegen.target import Host

WASM = "wasm32"
"""The name of WebAssembly."""

CROSS_TARGETS: Mapping[str, Host] = {
    WASM: Host("wasm32-unknown-unknown", "generic", "+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint"),
    "aarch64-linux": Host("aarch64-unknown-linux-gnu", "generic", "+neon"),
    "aarch64-macos": Host("arm64-apple-macosx11.0.0", "apple-m1", "+neon"),
    "x86_64-linux": Host("x86_64-unknown-linux-gnu", "x86-64", ""),
    "x86_64-windows": Host("x86_64-pc-windows-msvc", "x86-64", ""),
    "riscv64-linux": Host("riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+c"),
}
"""Processors by target name; each is the least of its kind that these systems run on. WebAssembly has 128-bit SIMD."""
