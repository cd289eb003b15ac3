/* fate: what became of each fragment and of each event, and what a loss is put
 * down to. One row a fate; the counters, their help texts, the ledger and the log
 * lines are made from these tables, so none can be forgotten.
 *
 *     fragments received = sum over fates + in flight
 *     events in          = sum over fates + in flight
 */
#ifndef SPARSED_DATA_FATE_H
#define SPARSED_DATA_FATE_H

/* What a loss is put down to: X(name, help). Where several are true of one event, the
 * first of them is told. */
#define LOSSES(X)                                                                                  \
    X(none, "nothing was lost")                                                                    \
    X(network, "never came: the sequence of its source has a gap")                                 \
    X(source, "came, but could not be read: its source, or the way, spoiled it")                   \
    X(assembly, "was read, but did not fit into its event")                                        \
    X(overload, "the daemon was too slow, and was told to drop (readout.overload)")                \
    X(deadline, "was not there when the event's time was up, and nothing else is known of it")     \
    X(stop, "was under way when the run ended")                                                    \
    X(group, "is not lost: another member of the consumer group has it, whole")

enum loss {
#define X(name, help) LOSS_##name,
    LOSSES(X)
#undef X
        LOSS_COUNT
};

/* X(NAME, name, loss, help). ASSEMBLED is the good end; every other one is a loss. */
#define FRAGMENT_FATES(X)                                                                          \
    X(ASSEMBLED, assembled, none, "became part of an event")                                       \
    X(BAD_FRAME, bad_frame, source,                                                                \
      "message does not have the three parts topic, header, payload")                              \
    X(BAD_HEADER, bad_header, source, "header is not a FragmentHeader")                            \
    X(BAD_VERSION, bad_version, source, "schema version is not one this program knows")            \
    X(BAD_KIND, bad_kind, source, "wires where images are expected, or images where wires are")    \
    X(BAD_PLANE, bad_plane, source, "plane is not configured")                                     \
    X(BAD_SHAPE, bad_shape, source,                                                                \
      "wires out of range or none, ticks or image size not as configured")                         \
    X(BAD_TYPE, bad_type, source, "sample type is unknown or not allowed for this kind")           \
    X(BAD_SIZE, bad_size, source, "payload size contradicts the header")                           \
    X(BAD_ENCODING, bad_encoding, source,                                                          \
      "payload does not decompress to the size the header implies")                                \
    X(BAD_CHECKSUM, bad_checksum, source, "payload does not have the checksum of its header")      \
    X(BAD_RECIPE, bad_recipe, source,                                                              \
      "windows: its pixels were made with other planes, preprocessing or calibration than ours")   \
    X(BAD_PIXELS, bad_pixels, source,                                                              \
      "windows: pixels or wires outside their plane, out of order, twice, 0, or not a number")     \
    X(CONTRADICTION, contradiction, assembly,                                                      \
      "event time or sample type differs from its event's others")                                 \
    X(DUPLICATE, duplicate, assembly, "all of its wires were there already")                       \
    X(OVERLAP, overlap, assembly, "some of its wires were there already")                          \
    X(EDGE_FULL, edge_full, assembly,                                                              \
      "no room to keep wires of pooled pixels that fragments share")                               \
    X(LATE, late, deadline, "its event was over already")                                          \
    X(NO_SLOT, no_slot, overload, "its event was refused: no event slot was free")                 \
    X(NO_WORKER, no_worker, overload, "dropped on arrival: all workers were busy")                 \
    X(STOPPED, stopped, stop, "still under way when the stop limit ran out")

enum fragment_fate {
#define X(NAME, name, loss, help) FRAGMENT_##NAME,
    FRAGMENT_FATES(X)
#undef X
        FRAGMENT_FATE_COUNT
};

/* X(NAME, name, loss, help). A fate with the loss `none` is a decision, or the way to
 * the daemon that makes it. */
#define EVENT_FATES(X)                                                                             \
    X(ACCEPTED, accepted, none, "a rule or the pass-through passed")                               \
    X(REJECTED, rejected, none, "no rule fired")                                                   \
    X(PRESCALED, prescaled, none, "rules fired, all of them prescaled away")                       \
    X(THROTTLED, throttled, none, "would have been accepted above max_accept_rate")                \
    X(FORWARDED, forwarded, none,                                                                  \
      "its windows were sent on, to be decided by another daemon (service.stages)")                \
    X(LOST_TIMEOUT, timeout, deadline,                                                             \
      "incomplete when its time was up (readout.incomplete = drop)")                               \
    X(LOST_NO_SLOT, no_slot, overload, "no event slot was free (readout.overload = drop-newest)")  \
    X(LOST_STOP, stop, stop, "its fragments had not all come when the run was stopped")            \
    X(HANDED_OVER, handed_over, group,                                                             \
      "over Kafka: incomplete when its partition went to another daemon, which decides it")

enum event_fate {
#define X(NAME, name, loss, help) EVENT_##NAME,
    EVENT_FATES(X)
#undef X
        EVENT_FATE_COUNT
};

/* The tables' columns. */
const char *loss_name(enum loss loss);
const char *fragment_fate_name(enum fragment_fate fate);
enum loss fragment_fate_loss(enum fragment_fate fate);
const char *fragment_fate_help(enum fragment_fate fate);
const char *event_fate_name(enum event_fate fate);
enum loss event_fate_loss(enum event_fate fate);
int event_fate_is_loss(enum event_fate fate);
const char *event_fate_help(enum event_fate fate);

#endif
