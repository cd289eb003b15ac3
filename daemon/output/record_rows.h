/* record_rows: a decided event as rows of the tables that the recorder and sparse-score
 * both write: one of decision_table, and one a window.
 */
#ifndef SPARSED_OUTPUT_RECORD_ROWS_H
#define SPARSED_OUTPUT_RECORD_ROWS_H

#include "data/event.h"
#include "output/record_table.h"
#include "output/run_info.h"

#include <stdint.h>

struct record_decision_row {
    int64_t event_id[3];
    uint64_t event_time_ns, decided_time_ns, nonfinite_bins;
    uint64_t assembly_ns, reduce_ns, engine_ns, trigger_ns, latency_ns;
    uint32_t rules_fired, rules_prescaled, wires_missing, masked_wires, hot_wires, windows;
    uint8_t fate, pass_through, incomplete;
    uint8_t masked_sha256[SHA256_BYTES]; /* 0 where no wire was masked */
};

struct record_scored_row {
    int64_t event_id[3];
    uint32_t window, model, plane, first_bin, first_wire, n_active, missing_wires, masked_wires;
    uint8_t truncated;
    double score[MODEL_MAX_OUTPUTS]; /* a smaller model's rest: NaN and 0 */
    int64_t score_raw[MODEL_MAX_OUTPUTS];
};

/* score and score_raw have the free width: the largest number of outputs of a model. */
enum { RECORD_DECISION_COLUMNS = 19, RECORD_SCORED_COLUMNS = 12 };
extern const struct record_column record_decision_columns[RECORD_DECISION_COLUMNS + 1];
extern const struct record_column record_scored_columns[RECORD_SCORED_COLUMNS + 1];

void record_rows_id(int64_t to[3], const struct identity *id);
void record_rows_decision(struct record_decision_row *row, const struct event *ev,
                          uint64_t decided_time_ns);
void record_rows_scored(struct record_scored_row *row, const struct event *ev, uint32_t window,
                        const struct run_info *info);

#endif
