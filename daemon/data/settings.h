/* settings: what the configuration file says, one struct a room. Filled by
 * config/ from its table (config/settings_table.h), which holds key, range,
 * default, unit and help of every field; a stage is given its own struct only.
 */
#ifndef SPARSED_DATA_SETTINGS_H
#define SPARSED_DATA_SETTINGS_H

#include "base/door.h"

#include <stdint.h>

enum {
    SETTINGS_NAME_BYTES = 64,
    SETTINGS_PATH_BYTES = 512,
    SETTINGS_MAX_PLANES = 16,
    SETTINGS_MAX_ENDPOINTS = 64,
    SETTINGS_MAX_MODELS = 16,
    SETTINGS_MAX_RULES = 32,
};

/* A list of strings (endpoints, topics) and a list of plane ids. */
struct settings_strings {
    uint32_t count;
    char text[SETTINGS_MAX_ENDPOINTS][SETTINGS_PATH_BYTES];
};
struct settings_planes {
    uint32_t count; /* 0: all planes */
    uint32_t id[SETTINGS_MAX_PLANES];
};

struct plane_settings {
    uint32_t id;
    uint32_t wires;
    double pedestal; /* counts; int16 samples only */
    double scale;    /* units a count; int16 samples only */
};

struct detector_settings {
    char name[SETTINGS_NAME_BYTES];
    uint32_t ticks;                        /* samples a wire an event */
    char calibration[SETTINGS_PATH_BYTES]; /* pedestals and masks of wires; empty: none */
    uint32_t n_planes;
    struct plane_settings plane[SETTINGS_MAX_PLANES]; /* none: ready-made images */
};

enum readout_pattern { READOUT_SUB, READOUT_PULL };
enum incomplete_policy { INCOMPLETE_MASK, INCOMPLETE_DROP };
enum overload_policy { OVERLOAD_BLOCK, OVERLOAD_DROP_NEWEST };

enum readout_kind { READOUT_ZEROMQ, READOUT_KAFKA };
enum kafka_start { KAFKA_EARLIEST, KAFKA_LATEST };
enum kafka_mixed { KAFKA_REFUSE, KAFKA_ALLOW };

/* Of readout.kind = "kafka". */
struct kafka_readout_settings {
    char brokers[SETTINGS_PATH_BYTES]; /* "host:port,host:port" */
    char topic[SETTINGS_NAME_BYTES];
    char group[SETTINGS_NAME_BYTES];
    enum kafka_start start;                /* where nothing was committed yet */
    uint64_t commit_interval_ns;           /* from one commit of offsets to the next */
    uint32_t in_flight;                    /* messages that may be received and not done */
    uint64_t queue_bytes;                  /* of messages that librdkafka holds */
    char dead_letter[SETTINGS_NAME_BYTES]; /* topic of what is no fragment; empty: none */
    enum kafka_mixed mixed;                /* a partition last judged with something else */
    struct settings_strings properties;    /* "property=value" of librdkafka's */
};

struct readout_settings {
    enum readout_kind kind;
    struct kafka_readout_settings kafka;
    struct settings_strings endpoints; /* ">" connects, "@" binds; no sign: connects */
    enum readout_pattern pattern;
    struct settings_strings topics; /* SUB: prefixes of the topic part */
    uint32_t high_water_mark;       /* messages libzmq holds for each peer; 0: no limit */
    uint64_t receive_buffer_bytes;  /* SO_RCVBUF; 0: the system's */
    uint64_t max_message_bytes;     /* a larger message closes its connection */
    uint32_t event_slots;           /* events open at a time */
    uint64_t event_timeout_ns;      /* from an event's first fragment */
    enum incomplete_policy incomplete;
    enum overload_policy overload;
    uint32_t fragment_queue;   /* fragments that may wait for each worker */
    const struct doors *doors; /* not of the file: who opens sockets sets it; NULL: plain */
};

enum hot_action { HOT_REPORT, HOT_MASK };

/* Wires that become hot while a run goes on. */
struct hot_settings {
    uint32_t events; /* over which a wire's hits are counted; 0: none are */
    double hits;     /* hot above so many an event ... */
    double release;  /* ... and until it has at most so many */
    enum hot_action action;
    uint32_t most; /* wires of a plane that may be masked */
};

struct imaging_settings {
    uint32_t workers;
    uint32_t edge_values; /* bins of shared pixels kept for each event */
    /* 0: as the model says; anything else must be what the model says. */
    uint32_t time_rebin, pool_time, pool_wires, window_time_bins, window_wires;
    struct hot_settings hot;
};

enum engine_kind { ENGINE_CPU, ENGINE_FPGA };

struct model_settings {
    char file[SETTINGS_PATH_BYTES];
    struct settings_planes planes;
    char xclbin[SETTINGS_PATH_BYTES];         /* its kernel; empty: this model is the CPU's */
    char device_command[SETTINGS_PATH_BYTES]; /* starts an emulated card; empty: a card */
};

/* Of engine.kind = "fpga". */
struct fpga_settings {
    char program[SETTINGS_PATH_BYTES]; /* sparsed-xrt; empty: beside sparsed */
    struct settings_planes devices;    /* card indices; none: card 0 */
    uint32_t batches;                  /* that may be out at a card */
    uint32_t batch_windows;            /* windows of one launch at most */
    uint64_t deadline_ns;              /* from a batch's submission to its results */
    uint64_t start_limit_ns;           /* from a process's start until it has its card */
    uint64_t restart_ns;               /* back-off of the first restart */
    double cross_check;                /* share of the windows that the CPU computes too */
    uint32_t mismatches;               /* that a card may have before it is out of service */
    char
        save_directory[SETTINGS_PATH_BYTES]; /* where differing windows are saved; empty: nowhere */
};

struct engine_settings {
    enum engine_kind kind;
    char kernel[SETTINGS_NAME_BYTES]; /* "auto" or a kernel's name */
    uint32_t window_stride_time_bins; /* 0: windows side by side */
    uint32_t window_stride_wires;     /* 0: windows side by side */
    uint32_t n_models;
    struct model_settings model[SETTINGS_MAX_MODELS];
    struct fpga_settings fpga;
};

/* A candidate for a model's place. */
struct shadow_settings {
    char file[SETTINGS_PATH_BYTES]; /* empty: none */
    uint32_t model;                 /* index of the model in whose place it is tried */
    double fraction;                /* of the events */
};

struct rule_settings {
    char name[SETTINGS_NAME_BYTES];
    char label[SETTINGS_NAME_BYTES];
    double threshold;              /* fires if score > threshold ... */
    uint32_t min_windows;          /* ... in at least so many windows ... */
    struct settings_planes planes; /* ... of these planes */
    uint32_t prescale;
};

struct trigger_settings {
    uint64_t seed;
    uint32_t pass_through;  /* keep one event in so many; 0: none */
    double max_accept_rate; /* Hz on the events' own times; 0: no limit */
    uint32_t accept_burst;  /* events that may be accepted at once above that rate */
    uint32_t n_rules;
    struct rule_settings rule[SETTINGS_MAX_RULES];
};

enum { RECORD_DECISION = 1, RECORD_WINDOWS = 2, RECORD_SAMPLES = 4 };

struct record_settings {
    char directory[SETTINGS_PATH_BYTES]; /* empty: nothing is recorded */
    uint32_t contents;                   /* RECORD_* */
    uint64_t rotate_bytes, rotate_ns;
    uint64_t flush_ns; /* a kill loses at most what came after the last flush */
    uint32_t queue;    /* accepted events that may wait for the disk */
};

/* Decisions to a Kafka topic, besides ZeroMQ or instead. */
struct kafka_output_settings {
    char brokers[SETTINGS_PATH_BYTES]; /* empty: none */
    char topic[SETTINGS_NAME_BYTES];
    uint32_t queue; /* decisions that may wait for the broker */
    struct settings_strings properties;
    char metrics_topic[SETTINGS_NAME_BYTES]; /* empty: no metrics */
};

struct output_settings {
    struct kafka_output_settings kafka;
    struct settings_strings decisions; /* PUB */
    struct settings_strings push;      /* PUSH */
    uint32_t high_water_mark;
    uint32_t source_id;        /* in windows messages: who sends them */
    const struct doors *doors; /* as in readout */
    struct record_settings record;
};

/* Which stages this daemon has: two tiers share them, docs/tiers.md. */
enum stages { STAGES_ALL, STAGES_IMAGING, STAGES_DECISION };

struct service_settings {
    enum stages stages;
    char http[SETTINGS_PATH_BYTES]; /* "127.0.0.1:9464"; empty: no HTTP */
    struct settings_strings metrics;
    struct settings_strings control; /* REP; none: runs by itself */
    uint32_t run;                    /* number of a run that begins by itself */
    uint64_t metrics_interval_ns;
    uint64_t stop_limit_ns;                    /* how long a stop may finish what is in flight */
    uint32_t log_level;                        /* enum log_level */
    const struct doors *doors;                 /* as in readout */
    const struct kafka_output_settings *kafka; /* not of the file: NULL or where metrics go, too */
};

struct security_settings {
    char secret_key[SETTINGS_PATH_BYTES]; /* empty: all doors are plain */
    char clients[SETTINGS_PATH_BYTES];    /* role and public key of each */
    char first_tier[SETTINGS_PATH_BYTES]; /* public key file of the daemon that sends windows */
    uint32_t plain;                       /* a bit a door: plain, and open to the network */
};

struct settings {
    struct detector_settings detector;
    struct readout_settings readout;
    struct imaging_settings imaging;
    struct engine_settings engine;
    struct shadow_settings shadow;
    struct trigger_settings trigger;
    struct output_settings output;
    struct service_settings service;
    struct security_settings security;
    uint8_t sha256[32]; /* of the configuration in force, see config_sha256 */
};

#endif
