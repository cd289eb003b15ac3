/* settings_table: every setting is one row here. The parser, --set, --check,
 * --print-config and docs/configuration.md are made from these rows; adding a
 * setting is a field in data/settings.h and a row.
 *
 * Columns of a setting:
 *     key      as in the file; "[]" stands for an element's index
 *     field    of struct settings; for elements, the field of element 0
 *     type     see SETTING_TYPES
 *     when     LIVE: a reload may change it; START: a reload that would is refused
 *     default  as on the command line after --set key=; REQUIRED: must be given
 *     min, max in the words of the file. Lists: how many items; texts: how many
 *              characters (max is the field's size, if not given)
 *     unit     of plain numbers; for CHOICE and FLAGS the names, in the order of
 *              the enumeration's values or bits
 *     help     one line
 *
 * Rows stand in the order in which they are printed: a section's own keys before
 * the sections below it.
 */
#ifndef SPARSED_CONFIG_SETTINGS_TABLE_H
#define SPARSED_CONFIG_SETTINGS_TABLE_H

#include "data/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, what a value is called in an error and in the documentation) */
#define SETTING_TYPES(X)                                                                           \
    X(UINT, "whole number")                                                                        \
    X(REAL, "number")                                                                              \
    X(NS, "time, as \"20 ms\"")                                                                    \
    X(BYTES, "size, as \"2 GiB\"")                                                                 \
    X(RATE, "rate, as \"50 Hz\"")                                                                  \
    X(TEXT, "text")                                                                                \
    X(ADDRESS, "address, as \"127.0.0.1:9464\"")                                                   \
    X(CHOICE, "one of the names")                                                                  \
    X(FLAGS, "list of names")                                                                      \
    X(STRINGS, "list of texts")                                                                    \
    X(ENDPOINTS, "list of ZeroMQ endpoints")                                                       \
    X(PLANES, "list of plane ids")

enum setting_when { SETTING_START, SETTING_LIVE };

enum setting_type {
#define X(NAME, name) SETTING_##NAME,
    SETTING_TYPES(X)
#undef X
};

#define REQUIRED NULL

/* clang-format off */

/* S(key, field, type, when, default, min, max, unit, help) */
#define SETTINGS_TABLE(S) \
S("detector.name",      detector.name,      TEXT, START, "detector", "1", "", "", "what the detector is called in messages and on the page") \
S("detector.ticks",     detector.ticks,     UINT, START, "0", "0", "10000000", "samples", "samples a wire an event; must be given where there are planes") \
S("detector.calibration", detector.calibration, TEXT, START, "", "0", "", "", "file of sparse-calibrate: pedestals of single wires, dead and hot ones masked; '': none") \
S("detector.plane[].id",       detector.plane[0].id,       UINT, START, REQUIRED, "0", "4294967295", "", "the plane's number in fragments, rules and decisions") \
S("detector.plane[].wires",    detector.plane[0].wires,    UINT, START, REQUIRED, "1", "1000000", "wires", "wires of the plane, numbered from 0") \
S("detector.plane[].pedestal", detector.plane[0].pedestal, REAL, START, "0", "-32768", "32767", "counts", "taken off int16 samples before they are scaled; float32 samples have none") \
S("detector.plane[].scale",    detector.plane[0].scale,    REAL, START, "1", "1e-9", "1e9", "units a count", "of int16 samples; float32 samples are in the model's units already") \
\
S("readout.kind",            readout.kind,                 CHOICE, START, "zeromq", "", "", "zeromq | kafka", "kafka: as a member of a consumer group, which shares a topic's partitions between many daemons") \
S("readout.endpoints",       readout.endpoints,            ENDPOINTS, START, "[]", "0", "", "", "zeromq, must be given: where fragments come from: > connects, @ binds; without a sign: connects") \
S("readout.pattern",         readout.pattern,              CHOICE, START, "sub", "", "", "sub | pull", "sub: losses show as gaps in a source's sequence; pull: a full daemon pushes back to the source") \
S("readout.topics",          readout.topics,               STRINGS, START, "['']", "1", "", "", "sub only: beginnings of the topics to take; '' takes all") \
S("readout.high_water_mark", readout.high_water_mark,      UINT, START, "256", "0", "1000000", "messages", "that ZeroMQ may hold for each peer; 0: no limit") \
S("readout.receive_buffer",  readout.receive_buffer_bytes, BYTES, START, "0", "0 B", "1 GiB", "", "the kernel's receive buffer of each connection; 0: as the system has it") \
S("readout.max_message",     readout.max_message_bytes,    BYTES, START, "128 MiB", "1 KiB", "2 GiB", "", "a larger message closes its connection") \
S("readout.event_slots",     readout.event_slots,          UINT, START, "64", "1", "65536", "events", "open at a time; their memory is taken at start") \
S("readout.event_timeout",   readout.event_timeout_ns,     NS, START, "20 ms", "1 us", "1 h", "", "how long an event may stay incomplete, from its first fragment on") \
S("readout.incomplete",      readout.incomplete,           CHOICE, LIVE, "mask", "", "", "mask | drop", "an event whose time is up: judge it with the missing wires empty and marked, or lose it") \
S("readout.overload",        readout.overload,             CHOICE, START, "block", "", "", "block | drop-newest", "no slot or no worker is free: stop reading, or lose what comes") \
S("readout.fragment_queue",  readout.fragment_queue,       UINT, START, "64", "1", "65536", "fragments", "that may wait for each worker") \
\
S("readout.kafka.brokers",         readout.kafka.brokers,            TEXT, START, "", "0", "", "", "kafka, must be given: \"host:port,host:port\"; the rest of the cluster is found by itself") \
S("readout.kafka.topic",           readout.kafka.topic,              TEXT, START, "fragments", "1", "", "", "where fragments come from") \
S("readout.kafka.group",           readout.kafka.group,              TEXT, START, "sparsed", "1", "", "", "daemons of one group share the topic's partitions") \
S("readout.kafka.start",           readout.kafka.start,              CHOICE, START, "earliest", "", "", "earliest | latest", "where a partition begins of which the group has committed nothing") \
S("readout.kafka.commit_interval", readout.kafka.commit_interval_ns, NS, START, "500 ms", "10 ms", "1 h", "", "what was decided since comes again after a crash") \
S("readout.kafka.in_flight",       readout.kafka.in_flight,          UINT, START, "4096", "1", "1000000", "messages", "that may be received and not done: at least event_slots times the fragments of an event") \
S("readout.kafka.queue",           readout.kafka.queue_bytes,        BYTES, START, "64 MiB", "1 MiB", "1 GiB", "", "of messages fetched in advance") \
S("readout.kafka.dead_letter",     readout.kafka.dead_letter,        TEXT, START, "", "0", "", "", "topic for messages that are no fragment, with the reason in the header; '': they are counted only") \
S("readout.kafka.mixed",           readout.kafka.mixed,              CHOICE, START, "refuse", "", "", "refuse | allow", "a partition that was last judged with other models or rules: leave the group, or go on with ours") \
S("readout.kafka.properties",      readout.kafka.properties,         STRINGS, START, "[]", "0", "", "", "of librdkafka, as \"security.protocol=ssl\"; \"@FILE\": its lines are such, for passwords") \
\
S("imaging.workers",          imaging.workers,          UINT, START, "2", "1", "256", "threads", "that reduce fragments") \
S("imaging.edge_values",      imaging.edge_values,      UINT, START, "65536", "0", "268435456", "time bins", "kept for each event where fragments share a pooled pixel; 0: fragments must be cut at multiples of pool_wires") \
S("imaging.time_rebin",       imaging.time_rebin,       UINT, START, "0", "0", "65536", "ticks", "summed to one time bin; 0: as the model says, else it must be what the model says") \
S("imaging.pool_time",        imaging.pool_time,        UINT, START, "0", "0", "65536", "time bins", "summed to one pixel; 0 or what the model says") \
S("imaging.pool_wires",       imaging.pool_wires,       UINT, START, "0", "0", "65536", "wires", "summed to one pixel; 0 or what the model says") \
S("imaging.window_time_bins", imaging.window_time_bins, UINT, START, "0", "0", "1000000", "time bins", "a window spans; 0 or what the model says") \
S("imaging.window_wires",     imaging.window_wires,     UINT, START, "0", "0", "1000000", "wires", "a window spans; 0 or what the model says") \
S("imaging.hot.events",  imaging.hot.events,  UINT, START, "0", "0", "10000", "events", "over which a wire's hits are counted, to find wires that become hot; 0: none are counted") \
S("imaging.hot.hits",    imaging.hot.hits,    REAL, START, "30", "0.001", "1e6", "hits an event", "a wire with more is hot; a hit is a pixel of which the wire has its share of the threshold, pixel_threshold / pool_wires") \
S("imaging.hot.release", imaging.hot.release, REAL, START, "10", "0", "1e6", "hits an event", "a hot wire with at most so many is quiet again; not above imaging.hot.hits") \
S("imaging.hot.action",  imaging.hot.action,  CHOICE, START, "mask", "", "", "report | mask", "a hot wire is reported, or its pixels are left out too, with those of the wires pooled with it") \
S("imaging.hot.most",    imaging.hot.most,    UINT, START, "64", "1", "65536", "wires", "of a plane that may be masked so; more are reported only: they are no longer single wires") \
\
S("engine.kind",                    engine.kind,                    CHOICE, LIVE, "cpu", "", "", "cpu | fpga", "where windows are scored; fpga: on cards, for models that have an xclbin, else and in need on the CPU") \
S("engine.kernel",                  engine.kernel,                  TEXT, LIVE, "auto", "1", "", "", "avx512, avx2, portable, scalar, or one kernel's name; auto: the fastest that fits model and machine") \
S("engine.window_stride_time_bins", engine.window_stride_time_bins, UINT, START, "0", "0", "1000000", "time bins", "from one window to the next; 0: windows side by side") \
S("engine.window_stride_wires",     engine.window_stride_wires,     UINT, START, "0", "0", "1000000", "wires", "from one window to the next; 0: windows side by side") \
S("engine.model[].file",            engine.model[0].file,           TEXT, LIVE, REQUIRED, "1", "", "", "the model's file; a relative path begins at the working directory") \
S("engine.model[].planes",          engine.model[0].planes,         PLANES, START, "[]", "0", "", "", "the planes it looks at; none: all") \
S("engine.model[].xclbin",          engine.model[0].xclbin,         TEXT, LIVE, "", "0", "", "", "fpga: the model's kernel; '': this model is the CPU's") \
S("engine.model[].device_command",  engine.model[0].device_command, TEXT, LIVE, "", "0", "", "", "fpga: starts an emulated card, as sparse-device libkernel.so; '': a card") \
S("engine.fpga.program",            engine.fpga.program,            TEXT, LIVE, "", "0", "", "", "sparsed-xrt, the process that holds a card; '': beside sparsed") \
S("engine.fpga.devices",            engine.fpga.devices,            PLANES, LIVE, "[0]", "1", "", "", "cards by XRT's index; each gets every model's kernel in a process of its own") \
S("engine.fpga.batches",            engine.fpga.batches,            UINT, LIVE, "4", "1", "8", "batches", "that may be out at a card") \
S("engine.fpga.batch_windows",      engine.fpga.batch_windows,      UINT, LIVE, "256", "1", "65536", "windows", "of one launch at most") \
S("engine.fpga.deadline",           engine.fpga.deadline_ns,        NS, LIVE, "100 ms", "100 us", "1 h", "", "for a batch to come back; then its windows are the CPU's and the card is out until it has proved itself") \
S("engine.fpga.start_limit",        engine.fpga.start_limit_ns,     NS, LIVE, "60 s", "1 s", "1 h", "", "for a process to open its card") \
S("engine.fpga.restart",            engine.fpga.restart_ns,         NS, LIVE, "1 s", "10 ms", "1 h", "", "from a card's fall to its next start; doubles from fall to fall, up to a minute") \
S("engine.fpga.cross_check",        engine.fpga.cross_check,        REAL, LIVE, "0.001", "0", "1", "share", "of the windows that the CPU computes too; the CPU is right") \
S("engine.fpga.mismatches",         engine.fpga.mismatches,         UINT, LIVE, "0", "0", "1000000", "windows", "that may differ before the card is out") \
S("engine.fpga.save_directory",     engine.fpga.save_directory,     TEXT, LIVE, "", "0", "", "", "where windows that differed are saved, for sparse-verify --windows; '': nowhere") \
\
S("engine.shadow.file",             shadow.file,                    TEXT, LIVE, "", "0", "", "", "a candidate for a model's place: it scores too, on the CPU, once the decision is out, and never changes one; '': none") \
S("engine.shadow.model",            shadow.model,                   UINT, LIVE, "0", "0", "15", "", "the model in whose place it is tried, engine.model counted from 0") \
S("engine.shadow.fraction",         shadow.fraction,                REAL, LIVE, "1", "0", "1", "share", "of the events, chosen by their identity") \
\
S("trigger.seed",            trigger.seed,            UINT, LIVE, "1", "0", "9223372036854775807", "", "of the choices of prescales and pass-through; the same seed chooses the same events") \
S("trigger.pass_through",    trigger.pass_through,    UINT, LIVE, "0", "0", "4294967295", "events", "one event in so many is kept whatever its score; 0: none") \
S("trigger.max_accept_rate", trigger.max_accept_rate, RATE, LIVE, "0", "0 Hz", "1000 MHz", "", "of accepted events, on the events' own times; what is above is throttled; 0: no limit") \
S("trigger.accept_burst",    trigger.accept_burst,    UINT, LIVE, "10", "1", "1000000", "events", "that may be accepted at once above max_accept_rate") \
S("trigger.rule[].name",        trigger.rule[0].name,        TEXT, START, REQUIRED, "1", "", "", "what the rule is called in decisions") \
S("trigger.rule[].label",       trigger.rule[0].label,       TEXT, LIVE, REQUIRED, "1", "", "", "the model's output that the rule looks at") \
S("trigger.rule[].threshold",   trigger.rule[0].threshold,   REAL, LIVE, "0.5", "-1e12", "1e12", "score", "the rule fires if the score is above (not equal) ...") \
S("trigger.rule[].min_windows", trigger.rule[0].min_windows, UINT, LIVE, "1", "1", "1000000", "windows", "... in at least so many windows ...") \
S("trigger.rule[].planes",      trigger.rule[0].planes,      PLANES, LIVE, "[]", "0", "", "", "... of these planes; none: all") \
S("trigger.rule[].prescale",    trigger.rule[0].prescale,    UINT, LIVE, "1", "1", "4294967295", "events", "one in so many of the events for which it fires passes") \
\
S("output.decisions",          output.decisions,           ENDPOINTS, START, "[]", "0", "", "", "where decisions are published (PUB): > connects, @ binds; without a sign: binds") \
S("output.push",               output.push,                ENDPOINTS, START, "[]", "0", "", "", "where decisions are pushed (PUSH): > connects, @ binds; without a sign: connects") \
S("output.high_water_mark",    output.high_water_mark,     UINT, START, "10000", "0", "10000000", "messages", "that ZeroMQ may hold for each peer; a slow peer misses what is above; 0: no limit") \
S("output.source_id",          output.source_id,           UINT, START, "0", "0", "4294967294", "", "service.stages = \"imaging\": what the next tier calls this daemon in its table of sources") \
S("output.kafka.brokers",      output.kafka.brokers,       TEXT, START, "", "0", "", "", "decisions to a Kafka topic: \"host:port,host:port\"; '': not") \
S("output.kafka.topic",        output.kafka.topic,         TEXT, START, "decisions", "1", "", "", "keyed by run, subrun and event; best compacted (cleanup.policy=compact)") \
S("output.kafka.queue",        output.kafka.queue,         UINT, START, "10000", "1", "1000000", "decisions", "that may wait for the broker; when it is full, events wait, then the readout") \
S("output.kafka.properties",   output.kafka.properties,    STRINGS, START, "[]", "0", "", "", "of librdkafka, as \"security.protocol=ssl\"; \"@FILE\": its lines are such, for passwords") \
S("output.kafka.metrics_topic", output.kafka.metrics_topic, TEXT, START, "", "0", "", "", "for the message of service.metrics, keyed by detector.name and host; '': none; other brokers for it need a restart") \
S("output.record.directory",   output.record.directory,    TEXT, START, "", "0", "", "", "where accepted events are recorded; '': nowhere") \
S("output.record.contents",    output.record.contents,     FLAGS, START, "['decision', 'windows']", "1", "", "decision | windows | samples", "what is recorded of an accepted event") \
S("output.record.flush",       output.record.flush_ns,     NS, LIVE, "1 s", "10 ms", "1 h", "", "a kill loses at most what came after the last flush") \
S("output.record.queue",       output.record.queue,        UINT, START, "64", "1", "65536", "events", "accepted events that may wait for the disk") \
S("output.record.rotate.size", output.record.rotate_bytes, BYTES, LIVE, "2 GiB", "64 KiB", "1024 TiB", "", "a new file is begun when one is this large ...") \
S("output.record.rotate.time", output.record.rotate_ns,    NS, LIVE, "10 min", "1 s", "1000 h", "", "... or this old") \
\
S("service.stages",           service.stages,              CHOICE, START, "all", "", "", "all | imaging | decision", "imaging: events leave as windows messages, undecided, for daemons with \"decision\", which take these in place of fragments; all: one daemon does both") \
S("service.http",             service.http,                ADDRESS, START, "127.0.0.1:9464", "0", "", "", "the page, /metrics, /healthz and /readyz; '': no HTTP") \
S("service.metrics",          service.metrics,             ENDPOINTS, START, "[]", "0", "", "", "where metrics are published (PUB): > connects, @ binds; without a sign: binds") \
S("service.control",          service.control,             ENDPOINTS, START, "[]", "0", "4", "", "where runs are controlled from (REP, sparsectl): > connects, @ binds; without a sign: binds; none: the run begins by itself and ends with the daemon") \
S("service.run",              service.run,                 UINT, START, "1", "1", "4294967295", "", "the number of a run that begins by itself; with service.control the operator gives it") \
S("service.metrics_interval", service.metrics_interval_ns, NS, START, "1 s", "10 ms", "1 h", "", "from one metrics message to the next") \
S("service.stop_limit",       service.stop_limit_ns,       NS, START, "10 s", "0 s", "1 h", "", "how long a stop may finish what is in flight") \
S("service.log_level",        service.log_level,           CHOICE, LIVE, "info", "", "", "error | warn | info | debug", "lines above this level are not written") \
\
S("security.secret_key",      security.secret_key,         TEXT, START, "", "0", "", "", "the daemon's .key_secret file, made by sparse-keys: sockets then ask for keys; '': all are plain") \
S("security.clients",         security.clients,            TEXT, START, "", "0", "", "", "file of who may come in, a line a key: role, public key, name; read again when it changes") \
S("security.first_tier",      security.first_tier,         TEXT, START, "", "0", "", "", "with service.stages = \"decision\": public .key file of the daemon that sends the windows; readout is its client then, and not a server") \
S("security.plain",           security.plain,              FLAGS, START, "[]", "0", "", "readout | decisions | push | metrics | control", "sockets without keys all the same; without a secret_key those that the network can reach must be named here")

/* Lists of tables: A(key, first element, how many, least, most, help). Their
 * settings are the rows above that begin with "key[].". */
#define SETTINGS_ARRAYS(A) \
A("detector.plane", detector.plane[0], detector.n_planes, 0, SETTINGS_MAX_PLANES, "a plane of wires; none: ready-made images come in") \
A("engine.model",   engine.model[0],   engine.n_models,   1, SETTINGS_MAX_MODELS, "a model and the planes it looks at; brings its own window, pooling and thresholds") \
A("trigger.rule",   trigger.rule[0],   trigger.n_rules,   0, SETTINGS_MAX_RULES,  "fires on scores; an event is accepted if any rule passes its prescale")

/* T(section, help) */
#define SETTINGS_SECTIONS(T) \
T("detector", "what the detector's planes look like") \
T("readout", "where fragments come from, and how events are put together") \
T("readout.kafka", "fragments out of a Kafka topic (readout.kind = \"kafka\")") \
T("imaging", "samples become pixels; every model brings its own recipe, values here only check it") \
T("imaging.hot", "wires that become hot while a run goes on") \
T("engine", "windows are cut and scored") \
T("engine.fpga", "cards, of engine.kind = \"fpga\"") \
T("engine.shadow", "a candidate model beside the ones in force, to be compared with them") \
T("trigger", "scores become a decision") \
T("output", "decisions are published") \
T("output.kafka", "decisions to a Kafka topic, acknowledged before an offset is committed") \
T("output.record", "accepted events are recorded") \
T("output.record.rotate", "files of the recorder; also written rotate = { size = ..., time = ... }") \
T("service", "what people and machines see from outside") \
T("security", "who may connect: keys for every ZeroMQ socket (CURVE)")

/* clang-format on */

/* An element of an array has at most this many fellows: the largest of them all. */
enum { SETTINGS_MAX_ELEMENTS = SETTINGS_MAX_RULES };
_Static_assert((int)SETTINGS_MAX_PLANES <= (int)SETTINGS_MAX_ELEMENTS &&
                   (int)SETTINGS_MAX_MODELS <= (int)SETTINGS_MAX_ELEMENTS,
               "an array of settings with more elements than SETTINGS_MAX_ELEMENTS");

struct setting {
    const char *key;
    enum setting_type type;
    enum setting_when when;
    const char *def; /* NULL: required */
    const char *min, *max, *unit, *help;
    size_t offset; /* of the field, or of element 0's field, in struct settings */
    size_t bytes;  /* of the field */
};

struct settings_array {
    const char *key;
    size_t offset, stride, count_offset;
    uint32_t least, most;
    const char *help;
};

struct settings_section {
    const char *key, *help;
};

enum {
#define X(...) +1
    SETTINGS_COUNT = 0 SETTINGS_TABLE(X),
    SETTINGS_ARRAY_COUNT = 0 SETTINGS_ARRAYS(X),
    SETTINGS_SECTION_COUNT = 0 SETTINGS_SECTIONS(X),
#undef X
};

extern const struct setting settings_table[SETTINGS_COUNT];
extern const struct settings_array settings_arrays[SETTINGS_ARRAY_COUNT];
extern const struct settings_section settings_sections[SETTINGS_SECTION_COUNT];

const char *setting_type_name(enum setting_type type);

/* Index into settings_table of a key with "[]" in it, or -1. */
int settings_find(const char *key);

/* Index into settings_arrays, or -1. */
int settings_find_array(const char *key);

/* Whether there is a section of this name. */
bool settings_is_section(const char *key);

/* The array (index or -1) to whose elements a setting's key belongs. */
int settings_array_of(const char *key);

/* Where a setting lies; `index` is the element's, 0 for those without. */
void *settings_field(struct settings *s, const struct setting *row, uint32_t index);
const void *settings_field_const(const struct settings *s, const struct setting *row,
                                 uint32_t index);

/* How many elements an array has now. */
uint32_t *settings_count(struct settings *s, const struct settings_array *array);
uint32_t settings_count_const(const struct settings *s, const struct settings_array *array);

#endif
