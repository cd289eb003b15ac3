/* score_library: sparse-score as functions, for programs that score many files or pieces of
 * them: clients/python/sparsed/score_library.py, and Dask through it. libsparsed_score.so has
 * these symbols and no others.
 *
 * This text is read by cffi as it stands: C declarations, no macros.
 *
 * All texts are UTF-8 and borrowed. Functions give 0, or sparse-score's exit status: 2 the
 * request is wrong, 1 anything else; then `error` holds one sentence that names file, key and
 * value. HDF5 knows one thread: one call at a time in a process.
 */
#ifndef SPARSED_OFFLINE_SCORE_LIBRARY_H
#define SPARSED_OFFLINE_SCORE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

struct sparsed_score_request {
    const char *file;            /* events: see score_source.h */
    const char *model;           /* model file; NULL with config */
    const char *config;          /* configuration file, or NULL: made from file and model */
    const char *const *settings; /* "key=value", over the configuration */
    size_t n_settings;           /* at most 256 */
    const char *output;          /* HDF5 file, docs/scoring.md */
    const char *dataset;         /* of ready-made images; NULL: "images" */
    double threshold;            /* of the one rule, without config */
    double rate_hz;              /* events' times; 0: as in the file */
    uint64_t first, end;         /* events first .. end - 1 */
    uint32_t threads;            /* 0: one a core */
    int32_t no_empty;            /* 1: windows without active pixels are left out */
};

/* Counts of events but where it is said. */
struct sparsed_score_result {
    uint64_t events, accepted, rejected, prescaled, throttled;
    uint64_t windows, truncated;        /* windows; those with more pixels than the model takes */
    uint64_t nonfinite_bins;            /* time bins that are no number, taken as 0 */
    uint64_t duplicates, foreign_wires; /* rows left out: see sparse-score */
    char engine[64];                    /* "cpu avx512-sparse7" */
};

/* "0.1.0": sparsed's. */
const char *sparsed_score_version(void);

/* How many events a file has. */
int32_t sparsed_score_events(const char *file, const char *dataset, uint64_t *events, char *error,
                             size_t error_bytes);

/* Scores the events of a request, on threads that end with the call. A request for some of a
 * file's events is refused where trigger.max_accept_rate is set, which hangs on all before. */
int32_t sparsed_score_file(const struct sparsed_score_request *request,
                           struct sparsed_score_result *result, char *error, size_t error_bytes);

#endif
