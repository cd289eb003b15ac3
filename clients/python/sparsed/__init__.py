"""sparsed's messages in Python: read decisions and metrics, send fragments.

    import sparsed
    for d in sparsed.decisions("tcp://127.0.0.1:5556"):
        if d.accept:
            print(d.run, d.event, max(w.score[0] for w in d.windows))

Message classes are protobuf's own, made from proto/*.proto; docs/messages.md
explains every field with its unit. An endpoint that begins with ">" connects,
with "@" binds; without a sign it connects.
"""

from .decision_pb2 import (
    ACCEPTED,
    PRESCALED,
    REJECTED,
    THROTTLED,
    Decision,
    DecisionFate,
    ModelUsed,
    StageTimes,
    WindowScore,
    WireRange,
)
from .metrics_pb2 import Label, MetricFamily, Metrics, Sample
from .readout_pb2 import FragmentHeader
from .sender import Sender, fragment, image, send_event
from .subscriber import Subscription, decisions, metrics, values

__all__ = [
    "ACCEPTED",
    "PRESCALED",
    "REJECTED",
    "THROTTLED",
    "Decision",
    "DecisionFate",
    "FragmentHeader",
    "Label",
    "MetricFamily",
    "Metrics",
    "ModelUsed",
    "Sample",
    "Sender",
    "StageTimes",
    "Subscription",
    "WindowScore",
    "WireRange",
    "decisions",
    "fragment",
    "image",
    "metrics",
    "send_event",
    "values",
]
