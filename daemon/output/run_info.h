/* run_info: what decisions are made with, for those who write it down: the publisher
 * into each decision, the recorder into each file, the metrics page into one row.
 *
 * Everything is borrowed and does not change; it lives until the last event that
 * carries it (event->info) is released. Who has no event looks at the board.
 */
#ifndef SPARSED_OUTPUT_RUN_INFO_H
#define SPARSED_OUTPUT_RUN_INFO_H

#include "data/geometry.h"
#include "data/settings.h"
#include "model/model_set.h"

#include <pthread.h>
#include <stdint.h>

struct run_info {
    const struct settings *settings; /* detector, rules, hash of the configuration */
    const struct geometry *geometry;
    const struct model_set *models;
    const char *engine;         /* "cpu scalar" */
    uint32_t windows_per_event; /* the same for every event */
    const char *configuration;  /* in force, as TOML; NULL: not kept */
    uint32_t epoch;             /* 0, 1, 2 ..: another number, another run_info */
};

/* The run_info in force, for threads that do not own events (metrics, page). It is
 * replaced under them by a change of models or settings; what they have borrowed is not
 * freed meanwhile. */
struct run_info_board {
    pthread_rwlock_t lock;
    const struct run_info *info;
};

void run_info_board_init(struct run_info_board *b, const struct run_info *first);
void run_info_board_fini(struct run_info_board *b);

/* The one in force, until run_info_return; any thread. */
const struct run_info *run_info_borrow(struct run_info_board *b);
void run_info_return(struct run_info_board *b);

/* Puts another one up. When it returns, nobody holds the former. */
void run_info_show(struct run_info_board *b, const struct run_info *info);

/* What decisions are made with, as one number: models and their planes, rules, seed. Daemons
 * with the same one decide the same events alike. With service.stages = "imaging": what makes
 * pixels of samples. */
uint64_t run_info_identity(const struct run_info *info);

#endif
