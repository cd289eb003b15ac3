"""What the exporter says when it cannot be exact."""


class ExportError(ValueError):
    """One sentence that names the layer (or argument), the reason and the value."""


def refuse(layer: object, reason: str) -> ExportError:
    """`raise refuse(layer, "strides = (2, 2): only 1 is supported")`.

    `layer` is a Keras layer, or its name."""
    return ExportError(f"layer {getattr(layer, 'name', layer)}: {reason}")
