/* options: the command line of sparse-simulate. */
#ifndef SIMULATE_OPTIONS_H
#define SIMULATE_OPTIONS_H

#include "common/keys.h"
#include "data/preprocessing.h"
#include "simulate/truth.h"

struct options {
    struct constants constants;
    struct preprocessing pre;
    struct numbering numbering;
    uint64_t events;
    uint32_t threads;
    const char *file;       /* NULL: none */
    bool windows;           /* the file holds active pixels, not samples */
    const char *to;         /* a ZeroMQ endpoint, NULL: none; either this or file */
    bool pub;               /* PUB, not PUSH */
    double rate_hz;         /* 0: as fast as events are made and taken */
    struct keys_files keys; /* for `to` */
    uint64_t wait_ns;       /* for the peer; 0: for ever */
    uint32_t source_id;
    bool simulated_times; /* the events' own times, not the clock's */
    bool float32;
    uint32_t block_wires; /* wires a fragment, at most */
    uint32_t deflate;     /* 0 .. 9, of samples in a file */
    bool quiet;
    char command[1024]; /* the command line, for the file; cut where it is longer */
};

/* Exits: 0 after --help, --version and --constants, 2 where the command line is
 * wrong, 1 where a model file is. */
void options_parse(struct options *o, int argc, char **argv);

#endif
