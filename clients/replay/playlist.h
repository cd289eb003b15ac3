/* playlist: the events of all files in the order they are replayed.
 *
 * Files follow one another; an event's number in the playlist counts through all
 * of them. All files hold wires, or all hold images. Reads one event at a time;
 * not thread-safe.
 */
#ifndef REPLAY_PLAYLIST_H
#define REPLAY_PLAYLIST_H

#include "replay/bundle.h"

struct playlist;

struct playlist_settings {
    char *const *file;
    size_t files;
    const char *dataset; /* NULL: images where there is no wire_table */
    uint32_t ticks;      /* 0: as the files have them */
};

/* Opens the files and completes the recipe: where it names no plane, those of
 * MicroBooNE that occur. NULL: failure. */
struct playlist *playlist_open(const struct playlist_settings *s, struct recipe *r,
                               struct failure *f);
void playlist_close(struct playlist **p);

size_t playlist_count(const struct playlist *p);
bool playlist_has_times(const struct playlist *p, struct failure *f);

/* What to add to the run number for each further loop: past the largest run of all events. */
uint32_t playlist_run_stride(const struct playlist *p);

/* Event `index` as fragments. */
bool playlist_prepare(struct playlist *p, const struct recipe *r, size_t index, struct bundle *b,
                      struct failure *f);

#endif
