/* fate: what became of each fragment and of each event. One row a fate; the
 * counters, their help texts, the ledger and the log lines are made from these
 * tables, so none can be forgotten.
 *
 *     fragments received = sum over fates + in flight
 *     events in          = sum over fates + in flight
 */
#ifndef SPARSED_DATA_FATE_H
#define SPARSED_DATA_FATE_H

/* X(NAME, name, help). ASSEMBLED is the good end; every other one is a loss. */
#define FRAGMENT_FATES(X)                                                                          \
    X(ASSEMBLED, assembled, "became part of an event")                                             \
    X(BAD_FRAME, bad_frame, "message does not have the three parts topic, header, payload")        \
    X(BAD_HEADER, bad_header, "header is not a FragmentHeader")                                    \
    X(BAD_VERSION, bad_version, "schema version is not one this program knows")                    \
    X(BAD_KIND, bad_kind, "wires where images are expected, or images where wires are")            \
    X(BAD_PLANE, bad_plane, "plane is not configured")                                             \
    X(BAD_SHAPE, bad_shape, "wires out of range or none, ticks or image size not as configured")   \
    X(BAD_TYPE, bad_type, "sample type is unknown or not allowed for this kind")                   \
    X(BAD_SIZE, bad_size, "payload size contradicts the header")                                   \
    X(BAD_ENCODING, bad_encoding, "payload does not decompress to the size the header implies")    \
    X(BAD_CHECKSUM, bad_checksum, "payload does not have the checksum of its header")              \
    X(CONTRADICTION, contradiction, "event time or sample type differs from its event's others")   \
    X(DUPLICATE, duplicate, "all of its wires were there already")                                 \
    X(OVERLAP, overlap, "some of its wires were there already")                                    \
    X(EDGE_FULL, edge_full, "no room to keep wires of pooled pixels that fragments share")         \
    X(LATE, late, "its event was over already")                                                    \
    X(NO_SLOT, no_slot, "its event was refused: no event slot was free")                           \
    X(NO_WORKER, no_worker, "dropped on arrival: all workers were busy")                           \
    X(STOPPED, stopped, "still under way when the stop limit ran out")

enum fragment_fate {
#define X(NAME, name, help) FRAGMENT_##NAME,
    FRAGMENT_FATES(X)
#undef X
        FRAGMENT_FATE_COUNT
};

/* X(NAME, name, lost, help) */
#define EVENT_FATES(X)                                                                             \
    X(ACCEPTED, accepted, 0, "a rule or the pass-through passed")                                  \
    X(REJECTED, rejected, 0, "no rule fired")                                                      \
    X(PRESCALED, prescaled, 0, "rules fired, all of them prescaled away")                          \
    X(THROTTLED, throttled, 0, "would have been accepted above max_accept_rate")                   \
    X(LOST_TIMEOUT, timeout, 1, "incomplete when its time was up (readout.incomplete = drop)")     \
    X(LOST_NO_SLOT, no_slot, 1, "no event slot was free (readout.overload = drop-newest)")         \
    X(LOST_STOP, stop, 1, "undecided when the stop limit ran out")

enum event_fate {
#define X(NAME, name, lost, help) EVENT_##NAME,
    EVENT_FATES(X)
#undef X
        EVENT_FATE_COUNT
};

/* The table's second and last columns. */
const char *fragment_fate_name(enum fragment_fate fate);
const char *fragment_fate_help(enum fragment_fate fate);
const char *event_fate_name(enum event_fate fate);
const char *event_fate_help(enum event_fate fate);
int event_fate_is_loss(enum event_fate fate);

#endif
