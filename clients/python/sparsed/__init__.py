"""sparsed's messages in Python: read decisions and metrics, send fragments.

    import sparsed
    for d in sparsed.decisions("tcp://127.0.0.1:5556"):
        if d.accept:
            print(d.run, d.event, max(w.score[0] for w in d.windows))

Message classes are protobuf's own, made from proto/*.proto; docs/messages.md
explains every field with its unit. An endpoint that begins with ">" connects,
with "@" binds; without a sign it connects.

Judging and training are parts of their own, which need more than messages do:
sparsed.windows, sparsed.training, sparsed.export, sparsed.report, sparsed.outcome;
sparsed.score scores whole runs on many cores or machines.
"""

import importlib

# What a name of the package is taken from, when it is first asked for: who trains a
# network needs neither ZeroMQ nor protobuf.
_NAMES = {
    "decision_pb2": ("ACCEPTED", "PRESCALED", "REJECTED", "THROTTLED", "Decision", "DecisionFate",
                     "ModelUsed", "StageTimes", "WindowScore", "WireRange"),
    "keys": ("Keys",),
    "metrics_pb2": ("Label", "MetricFamily", "Metrics", "Sample"),
    "readout_pb2": ("FragmentHeader",),
    "run_pb2": ("RunRecord",),
    "scoring": ("ScoreError", "Scored", "score"),
    "sender": ("Sender", "fragment", "image", "send_event"),
    "subscriber": ("Subscription", "decisions", "metrics", "runs", "values"),
}
_MODULE = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'sparsed' has no attribute '{name}'")
    value = getattr(importlib.import_module("." + _MODULE[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list:
    return __all__
