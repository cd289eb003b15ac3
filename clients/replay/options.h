/* options: the command line of sparse-replay. */
#ifndef REPLAY_OPTIONS_H
#define REPLAY_OPTIONS_H

#include "common/sender.h"
#include "replay/pace.h"
#include "replay/playlist.h"

struct options {
    struct playlist_settings files;
    struct recipe recipe;
    struct sender_settings sender;
    struct pace pace;
    uint64_t first, end; /* events first .. end - 1 of the playlist; end UINT64_MAX: to the last */
    uint64_t loops;      /* 0: no end */
    uint32_t sources, source_id;
    bool shuffle;
    uint64_t seed;
    bool recorded_times; /* event_time_ns from the file, not from the clock */
    bool preload;
    int linger_ms;
    bool json, quiet;
};

/* Exits: 0 after --help and --version, 2 where the command line is wrong. */
void options_parse(struct options *o, int argc, char **argv);

#endif
