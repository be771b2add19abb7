"""The metadata of a compiled model that its Python or JavaScript module contains."""

from __future__ import annotations

from azdsl.codegen.aot.models import Spec


def model_metadata(spec: Spec) -> dict[str, object]:
    """The description of a model; registers as (byte offset, shape)."""
    rank = "svm".index
    shapes = {str(address): (at, [spec.features] * rank(address.kind.value)) for address, at in spec.places.items()}
    return {
        "prefix": spec.prefix,
        "metric": spec.metric.name,
        "outputs": spec.outputs,
        "precision": spec.precision,
        "state": spec.state_bytes,
        "limit": spec.max_abs_error,
        "registers": shapes,
    }
