#include "output/record_rows.h"

#include <math.h>
#include <string.h>

enum { SCORES = 0 }; /* width 0: as record_table_create is told */

const struct record_column record_decision_columns[] = {
    RECORD_COLUMN(record_decision_row, event_id, I64, 3),
    RECORD_COLUMN(record_decision_row, event_time_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, decided_time_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, fate, U8, 1),
    RECORD_COLUMN(record_decision_row, rules_fired, U32, 1),
    RECORD_COLUMN(record_decision_row, rules_prescaled, U32, 1),
    RECORD_COLUMN(record_decision_row, pass_through, U8, 1),
    RECORD_COLUMN(record_decision_row, incomplete, U8, 1),
    RECORD_COLUMN(record_decision_row, wires_missing, U32, 1),
    RECORD_COLUMN(record_decision_row, nonfinite_bins, U64, 1),
    RECORD_COLUMN(record_decision_row, masked_wires, U32, 1),
    RECORD_COLUMN(record_decision_row, hot_wires, U32, 1),
    RECORD_COLUMN(record_decision_row, masked_sha256, U8, SHA256_BYTES),
    RECORD_COLUMN(record_decision_row, windows, U32, 1),
    RECORD_COLUMN(record_decision_row, assembly_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, reduce_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, engine_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, trigger_ns, U64, 1),
    RECORD_COLUMN(record_decision_row, latency_ns, U64, 1),
    {0},
};

const struct record_column record_scored_columns[] = {
    RECORD_COLUMN(record_scored_row, event_id, I64, 3),
    RECORD_COLUMN(record_scored_row, window, U32, 1),
    RECORD_COLUMN(record_scored_row, model, U32, 1),
    RECORD_COLUMN(record_scored_row, plane, U32, 1),
    RECORD_COLUMN(record_scored_row, first_bin, U32, 1),
    RECORD_COLUMN(record_scored_row, first_wire, U32, 1),
    RECORD_COLUMN(record_scored_row, n_active, U32, 1),
    RECORD_COLUMN(record_scored_row, truncated, U8, 1),
    RECORD_COLUMN(record_scored_row, missing_wires, U32, 1),
    RECORD_COLUMN(record_scored_row, masked_wires, U32, 1),
    RECORD_COLUMN(record_scored_row, score, F64, SCORES),
    RECORD_COLUMN(record_scored_row, score_raw, I64, SCORES),
    {0},
};

void record_rows_id(int64_t to[3], const struct identity *id)
{
    to[0] = id->run;
    to[1] = id->subrun;
    to[2] = (int64_t)id->event;
}

static uint64_t since(uint64_t to, uint64_t from)
{
    return to > from ? to - from : 0;
}

void record_rows_decision(struct record_decision_row *row, const struct event *ev,
                          uint64_t decided_time_ns)
{
    record_rows_id(row->event_id, &ev->id);
    row->event_time_ns = ev->event_time_ns;
    row->decided_time_ns = decided_time_ns;
    row->fate = (uint8_t)ev->decision.fate;
    row->rules_fired = ev->decision.rules_fired;
    row->rules_prescaled = ev->decision.rules_prescaled;
    row->pass_through = ev->decision.pass_through;
    row->incomplete = ev->incomplete;
    row->wires_missing = ev->wires_missing;
    row->nonfinite_bins = ev->nonfinite_bins;
    row->masked_wires = ev->masked.wires;
    row->hot_wires = ev->masked.hot_wires;
    if (ev->masked.wires > 0)
        memcpy(row->masked_sha256, ev->masked.sha256, SHA256_BYTES);
    row->windows = ev->n_windows;
    row->assembly_ns = since(ev->last_fragment_ns, ev->first_fragment_ns);
    row->reduce_ns = since(ev->complete_ns, ev->last_fragment_ns);
    row->engine_ns = since(ev->scored_ns, ev->complete_ns);
    row->trigger_ns = since(ev->decided_ns, ev->scored_ns);
    row->latency_ns = since(ev->decided_ns, ev->last_fragment_ns);
}

void record_rows_scored(struct record_scored_row *row, const struct event *ev, uint32_t window,
                        const struct run_info *info)
{
    const struct window *w = &ev->window[window];
    record_rows_id(row->event_id, &ev->id);
    row->window = window;
    row->model = w->model;
    row->plane = info->geometry->plane[w->plane].id;
    row->first_bin = w->first_bin;
    row->first_wire = w->first_wire;
    row->n_active = w->n_active;
    row->missing_wires = w->missing_wires;
    row->masked_wires = w->masked_wires;
    row->truncated = w->truncated;
    uint32_t n = info->models->entry[w->model].model->n_outputs;
    for (uint32_t i = 0; i < info->models->max_outputs; i++) {
        size_t at = (size_t)window * ev->score_stride + i;
        row->score[i] = i < n ? ev->score[at] : (double)NAN;
        row->score_raw[i] = i < n ? ev->score_raw[at] : 0;
    }
}
