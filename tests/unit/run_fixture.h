/* A small run for the tests of output and service: a wire plane of 130 wires, one
 * model with two outputs, two rules, three windows an event. */
#ifndef SPARSED_TESTS_RUN_FIXTURE_H
#define SPARSED_TESTS_RUN_FIXTURE_H

#include "data/event.h"
#include "data/monitor.h"
#include "output/run_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXTURE_WIRES = 130, FIXTURE_TICKS = 64, FIXTURE_WINDOWS = 3, FIXTURE_LISTED = 4 };

struct run_fixture {
    struct settings settings;
    struct geometry geometry;
    struct model model;
    struct model_set models;
    struct run_info info;
    struct run_info_board board;
    struct monitor monitor;
    struct event event;
    struct window window[FIXTURE_WINDOWS];
    struct pixel place[FIXTURE_LISTED];
    int32_t value[FIXTURE_LISTED];
    double score[FIXTURE_WINDOWS][2];
    int64_t raw[FIXTURE_WINDOWS][2];
    uint64_t present[3];
    int16_t samples[FIXTURE_WIRES][FIXTURE_TICKS];
    struct kept_fragment kept;
};

static inline void fixture_event(struct run_fixture *r)
{
    struct event *ev = &r->event;
    ev->id = (struct identity){1207, 3, 41};
    ev->event_time_ns = UINT64_C(1700000000000000000);
    ev->first_fragment_ns = 1000;
    ev->last_fragment_ns = 5000;
    ev->complete_ns = 6000;
    ev->scored_ns = 9000;
    ev->decided_ns = 9500;
    for (uint32_t i = 0; i < FIXTURE_LISTED; i++) {
        r->place[i] = (struct pixel){(uint16_t)i, (uint16_t)(2 * i)};
        r->value[i] = 100 + (int32_t)i;
    }
    for (uint32_t i = 0; i < FIXTURE_WINDOWS; i++) {
        r->window[i] = (struct window){.first_bin = 8 * i,
                                       .first_wire = 16 * i,
                                       .n_active = FIXTURE_LISTED + i,
                                       .n_listed = FIXTURE_LISTED,
                                       .truncated = i > 0,
                                       .place = r->place,
                                       .value = r->value};
        r->score[i][0] = 0.25 * i;
        r->score[i][1] = 1 - 0.25 * i;
        r->raw[i][0] = -(int64_t)i;
        r->raw[i][1] = 1000 + i;
    }
    memset(r->present, 0xff, sizeof r->present);
    ev->plane[0].has_data = true;
    ev->plane[0].sample_type = SAMPLE_INT16;
    ev->plane[0].wire_present = r->present;
    ev->n_windows = FIXTURE_WINDOWS;
    ev->window = r->window;
    ev->score = r->score[0];
    ev->score_raw = r->raw[0];
    ev->score_stride = 2;
    ev->decision =
        (struct decision){.fate = EVENT_ACCEPTED, .rules_fired = 1, .rules_prescaled = 2};
}

static inline void fixture_samples(struct run_fixture *r)
{
    for (uint32_t w = 0; w < FIXTURE_WIRES; w++) {
        for (uint32_t t = 0; t < FIXTURE_TICKS; t++) {
            r->samples[w][t] = (int16_t)(w * 100 + t);
        }
    }
    struct fragment *f = &r->kept.fragment;
    *f = (struct fragment){.id = r->event.id, .sample_type = SAMPLE_INT16, .wires = FIXTURE_WIRES};
    f->samples = r->samples;
    f->samples_bytes = sizeof r->samples;
    r->event.kept = &r->kept;
    r->event.n_kept = r->event.kept_capacity = 1;
}

static inline struct run_fixture *fixture_create(void)
{
    struct run_fixture *r = calloc(1, sizeof *r);
    struct settings *s = &r->settings;
    (void)snprintf(s->detector.name, sizeof s->detector.name, "Micro \"Boo\" NE");
    s->detector.ticks = FIXTURE_TICKS;
    s->detector.n_planes = 1;
    s->detector.plane[0] =
        (struct plane_settings){.id = 2, .wires = FIXTURE_WIRES, .pedestal = 4, .scale = 0.5};
    s->trigger.n_rules = 2;
    (void)snprintf(s->trigger.rule[0].name, SETTINGS_NAME_BYTES, "neutrino");
    (void)snprintf(s->trigger.rule[1].name, SETTINGS_NAME_BYTES, "cosmic");
    s->output.high_water_mark = 10;
    s->output.record.contents = RECORD_DECISION | RECORD_WINDOWS;
    s->output.record.flush_ns = 1000;
    s->service.metrics_interval_ns = 50000000;
    memset(s->sha256, 0xab, sizeof s->sha256);
    r->geometry.n_planes = 1;
    r->geometry.plane[0].id = 2;
    r->geometry.plane[0].wires = FIXTURE_WIRES;
    r->geometry.plane[0].ticks = FIXTURE_TICKS;
    (void)snprintf(r->model.name, sizeof r->model.name, "small");
    r->model.channels = 1;
    r->model.n_outputs = r->model.n_labels = 2;
    (void)snprintf(r->model.label[0], MODEL_NAME_BYTES, "neutrino");
    (void)snprintf(r->model.label[1], MODEL_NAME_BYTES, "cosmic");
    r->models.n_models = 1;
    r->models.max_outputs = 2;
    r->models.entry[0] = (struct model_entry){.model = &r->model, .n_planes = 1};
    r->info = (struct run_info){.settings = s,
                                .geometry = &r->geometry,
                                .models = &r->models,
                                .engine = "cpu scalar",
                                .windows_per_event = FIXTURE_WINDOWS};
    run_info_board_init(&r->board, &r->info);
    atomic_store(&r->monitor.n_sources, 1);
    fixture_event(r);
    return r;
}

#endif
