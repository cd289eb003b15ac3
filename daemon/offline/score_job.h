/* score_job: a file, what is done with it, and what came of it: sparse-score without its
 * command line, for the program and for the library (score_library.h).
 *
 *     score_job_open     the file           source.count
 *     score_job_prepare  what is done with it       settings, models, run
 *     score_job_run      every event        run's counts
 *     score_job_close    in any case
 */
#ifndef SPARSED_OFFLINE_SCORE_JOB_H
#define SPARSED_OFFLINE_SCORE_JOB_H

#include "offline/score_options.h"
#include "offline/score_run.h"

struct score_job {
    struct settings settings;
    struct geometry geometry;
    struct model_set models;
    struct score_source source;
    struct score_run run;
};

/* Opens the options' file, whose texts are borrowed. False: `err` names file and table. */
bool score_job_open(struct score_job *j, const struct score_options *o, struct error *err);
void score_job_close(struct score_job *j);

/* Loads the configuration and its models, and holds them against the file: j->settings and
 * j->run are filled. o->threads 0: one a core. False: `err`. */
bool score_job_prepare(struct score_job *j, const struct score_options *o, struct error *err);

/* Scores the events and writes what was asked for; ends early with an error once *stop is not
 * 0. False: `err`; nothing is left at the output. */
bool score_job_run(struct score_job *j, const volatile sig_atomic_t *stop, struct error *err);

#endif
