/* Fragments into events: each test is something a readout does. */
#include "assembly/assembler.h"
#include "base/clock.h"
#include "unit/cmocka_all.h"

#include <string.h>

enum { WIRES = 32, POOL_WIRES = 4, ROWS = 8, SLOTS = 3 };
#define TIMEOUT_NS (20 * NS_PER_MS)

struct run {
    struct geometry g;
    struct assembler *a;
    uint64_t now_ns;
};

/* Two planes of 32 wires, 8 pixel rows, 4 wires a pixel. */
static void begin(struct run *r, bool refuse_when_full, uint32_t edge_values)
{
    struct detector_settings d = {.ticks = 16, .n_planes = 2};
    struct preprocessing pre[2];
    for (uint32_t p = 0; p < 2; p++) {
        d.plane[p] = (struct plane_settings){.id = p, .wires = WIRES, .scale = 1};
        pre[p] = (struct preprocessing){.time_rebin = 1,
                                        .bin_clip = 1000,
                                        .window_time_bins = 16,
                                        .window_wires = 16,
                                        .pool_time = 2,
                                        .pool_wires = POOL_WIRES,
                                        .pixel_threshold = 10,
                                        .image_height = 8,
                                        .image_width = 4,
                                        .pixel_scale = 1};
    }
    *r = (struct run){.now_ns = NS_PER_S};
    struct error err = {0};
    if (!geometry_init_wires(&r->g, &d, pre, &err))
        fail_msg("%s", err.text);
    struct assembler_settings s = {.slots = SLOTS,
                                   .timeout_ns = TIMEOUT_NS,
                                   .edge_values = edge_values,
                                   .refuse_when_full = refuse_when_full};
    r->a = assembler_create(&s, &r->g, &err);
    assert_non_null(r->a);
}

static void end(struct run *r)
{
    assembler_destroy(&r->a);
    geometry_fini(&r->g);
}

static enum fragment_fate push_with(struct run *r, uint64_t event, uint32_t plane, uint32_t first,
                                    uint32_t wires, struct hit *hit, uint32_t n_hits,
                                    struct edge_value *edge, uint32_t n_edges)
{
    struct reduced f = {.fragment = {.id = {1, 0, event},
                                     .event_time_ns = 77,
                                     .arrived_ns = r->now_ns,
                                     .sample_type = SAMPLE_FLOAT32,
                                     .plane = plane,
                                     .first_wire = first,
                                     .wires = wires},
                        .n_hits = n_hits,
                        .hit = hit,
                        .n_edges = n_edges,
                        .edge = edge};
    return assembler_push(r->a, &f, r->now_ns);
}

static enum fragment_fate push(struct run *r, uint64_t event, uint32_t plane, uint32_t first,
                               uint32_t wires)
{
    return push_with(r, event, plane, first, wires, NULL, 0, NULL, 0);
}

static void push_whole(struct run *r, uint64_t event)
{
    assert_int_equal(push(r, event, 0, 0, WIRES), FRAGMENT_ASSEMBLED);
    assert_int_equal(push(r, event, 1, 0, WIRES), FRAGMENT_ASSEMBLED);
}

static uint32_t pixels(const struct run *r, const struct event *e, uint32_t plane)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ROWS * r->g.plane[plane].words_per_row; i++)
        n += (uint32_t)__builtin_popcountll(e->plane[plane].mask[i]);
    return n;
}

/* Fragments of one event come from many crates, in any order, mixed with another's. */
static void an_event_is_whole_when_its_last_wire_comes(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    struct hit hit = {.row = 3, .col = 2, .value.f = 12};
    push(&r, 1, 1, 16, 16);
    push(&r, 2, 0, 0, 16);
    push_with(&r, 1, 0, 8, 24, &hit, 1, NULL, 0);
    push(&r, 1, 1, 0, 16);
    assert_null(assembler_take(r.a, r.now_ns));
    push(&r, 1, 0, 0, 8);
    struct event *e = assembler_take(r.a, r.now_ns);
    assert_non_null(e);
    assert_int_equal(e->id.event, 1);
    assert_false(e->incomplete);
    assert_int_equal(pixels(&r, e, 0), 1);
    assert_true(e->plane[0].mask[3 * r.g.plane[0].words_per_row] == 1U << 2);
    assert_true(e->plane[0].value[3 * r.g.plane[0].cols + 2].f == 12);
    assert_null(assembler_take(r.a, r.now_ns));
    assembler_release(r.a, e, r.now_ns);
    end(&r);
}

/* A crate that sends twice must not count twice, nor half. */
static void repeated_wires_are_refused(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    push(&r, 1, 0, 0, 16);
    assert_int_equal(push(&r, 1, 0, 0, 16), FRAGMENT_DUPLICATE);
    assert_int_equal(push(&r, 1, 0, 4, 4), FRAGMENT_DUPLICATE);
    assert_int_equal(push(&r, 1, 0, 12, 8), FRAGMENT_OVERLAP);
    assert_int_equal(push(&r, 1, 1, 0, 16), FRAGMENT_ASSEMBLED);
    end(&r);
}

/* Two crates that disagree about an event cannot both be believed. */
static void fragments_that_contradict_their_event_are_refused(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    push(&r, 1, 0, 0, 16);
    struct reduced f = {.fragment = {.id = {1, 0, 1},
                                     .event_time_ns = 78,
                                     .sample_type = SAMPLE_FLOAT32,
                                     .first_wire = 16,
                                     .wires = 16}};
    assert_int_equal(assembler_push(r.a, &f, r.now_ns), FRAGMENT_CONTRADICTION);
    f.fragment.event_time_ns = 77;
    f.fragment.sample_type = SAMPLE_INT16;
    assert_int_equal(assembler_push(r.a, &f, r.now_ns), FRAGMENT_CONTRADICTION);
    f.fragment.encoding = ENCODING_EMPTY; /* has no samples, so no type of them either */
    assert_int_equal(assembler_push(r.a, &f, r.now_ns), FRAGMENT_ASSEMBLED);
    end(&r);
}

/* A dead crate must not hold its events: they go on with what there is, marked. */
static void an_event_whose_time_is_up_says_what_is_missing(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    push(&r, 1, 0, 0, 30);
    assert_int_equal(assembler_next_deadline_ns(r.a), r.now_ns + TIMEOUT_NS);
    assert_null(assembler_take(r.a, r.now_ns + TIMEOUT_NS - 1));
    struct event *e = assembler_take(r.a, r.now_ns + TIMEOUT_NS);
    assert_non_null(e);
    assert_true(e->incomplete);
    assert_int_equal(e->wires_missing, 2 + WIRES);
    assert_int_equal(e->plane[0].wires_missing, 2);
    assert_false(e->plane[1].has_data);
    /* What comes now is late, also after the slot was given back ... */
    assert_int_equal(push(&r, 1, 0, 30, 2), FRAGMENT_LATE);
    assembler_release(r.a, e, r.now_ns);
    assert_int_equal(push(&r, 1, 0, 30, 2), FRAGMENT_LATE);
    /* ... but a run that is replayed a while later is not. */
    r.now_ns += 10 * NS_PER_S;
    assert_int_equal(push(&r, 1, 0, 30, 2), FRAGMENT_ASSEMBLED);
    end(&r);
}

/* With nowhere to put an event the caller may wait: nothing is lost meanwhile. */
static void with_no_slot_the_caller_can_wait(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    for (uint64_t event = 1; event <= SLOTS; event++)
        push(&r, event, 0, 0, 16);
    assert_int_equal(push(&r, 9, 0, 0, WIRES), FRAGMENT_NO_SLOT);
    assert_int_equal(push(&r, 1, 0, 16, 16), FRAGMENT_ASSEMBLED);
    assert_int_equal(push(&r, 1, 1, 0, WIRES), FRAGMENT_ASSEMBLED);
    struct event *e = assembler_take(r.a, r.now_ns);
    assert_int_equal(push(&r, 9, 0, 0, WIRES), FRAGMENT_NO_SLOT);
    assembler_release(r.a, e, r.now_ns);
    assert_int_equal(push(&r, 9, 0, 0, WIRES), FRAGMENT_ASSEMBLED);
    assert_int_equal(assembler_counts(r.a).opened, SLOTS + 1);
    assert_int_equal(assembler_counts(r.a).refused, 0);
    end(&r);
}

/* Or the event is refused: as a whole, not half of it when a slot becomes free. */
static void a_refused_event_stays_refused(void **state)
{
    (void)state;
    struct run r;
    begin(&r, true, 64);
    for (uint64_t event = 1; event <= SLOTS; event++)
        push(&r, event, 0, 0, 16);
    assert_int_equal(push(&r, 9, 0, 0, 16), FRAGMENT_NO_SLOT);
    assembler_expire_all(r.a);
    struct event *e = assembler_take(r.a, r.now_ns);
    assembler_release(r.a, e, r.now_ns);
    assert_int_equal(push(&r, 9, 0, 16, 16), FRAGMENT_NO_SLOT);
    assert_int_equal(assembler_counts(r.a).refused, 1);
    assert_int_equal(push(&r, 10, 0, 0, 16), FRAGMENT_ASSEMBLED);
    end(&r);
}

/* A pixel that two fragments share is as one fragment would have made it. */
static void a_shared_pixel_is_put_together(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    struct edge_value left[] = {{.row = 5, .wire = 4, .sum.f = 4},
                                {.row = 6, .wire = 5, .sum.f = 9}};
    struct edge_value right[] = {{.row = 5, .wire = 7, .sum.f = 6}};
    push_with(&r, 1, 0, 0, 6, NULL, 0, left, 2);
    push_with(&r, 1, 0, 6, 26, NULL, 0, right, 1);
    push(&r, 1, 1, 0, WIRES);
    struct event *e = assembler_take(r.a, r.now_ns);
    assert_non_null(e);
    assert_int_equal(pixels(&r, e, 0), 1); /* 4 + 6 reaches the threshold of 10, 9 does not */
    assert_true(e->plane[0].value[5 * r.g.plane[0].cols + 1].f == 10);
    end(&r);
}

/* Noise on every wire of single-wire fragments must not take memory without end. */
static void edges_beyond_their_room_are_refused(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 4); /* two for each plane */
    struct edge_value edge[3] = {{.row = 1, .wire = 1, .sum.f = 5}};
    assert_int_equal(push_with(&r, 1, 0, 0, 2, NULL, 0, edge, 2), FRAGMENT_ASSEMBLED);
    assert_int_equal(push_with(&r, 1, 0, 2, 1, NULL, 0, edge, 1), FRAGMENT_EDGE_FULL);
    assert_int_equal(push_with(&r, 1, 1, 0, 2, NULL, 0, edge, 2), FRAGMENT_ASSEMBLED);
    end(&r);
}

/* Pixels of an event once stayed lit in the next one that got its slot. */
static void nothing_of_an_event_is_left_in_its_slot(void **state)
{
    (void)state;
    struct run r;
    begin(&r, false, 64);
    struct hit hit = {.row = 7, .col = 7, .value.f = 12};
    for (uint64_t event = 1; event <= 2 * SLOTS; event++) {
        push_with(&r, event, 0, 0, WIRES, &hit, event % 2, NULL, 0);
        push(&r, event, 1, 0, WIRES);
        struct event *e = assembler_take(r.a, r.now_ns);
        assert_int_equal(pixels(&r, e, 0), event % 2);
        assembler_release(r.a, e, r.now_ns);
    }
    end(&r);
}

/* An image of several channels is one wire, and a channel that is 0 stays 0. */
static void an_image_is_whole_at_once(void **state)
{
    (void)state;
    struct geometry g = {0};
    geometry_init_image(&g, 4, 5, 3);
    struct assembler_settings s = {.slots = 1, .timeout_ns = TIMEOUT_NS};
    struct error err = {0};
    struct assembler *a = assembler_create(&s, &g, &err);
    assert_non_null(a);
    struct hit hits[2][2] = {
        {{.row = 1, .col = 6, .value.i = 5}, {.row = 1, .col = 8, .value.i = 7}},
        {{.row = 1, .col = 7, .value.i = 9}}};
    for (uint64_t event = 0; event < 2; event++) {
        struct reduced f = {.fragment = {.id = {1, 0, event}, .sample_type = SAMPLE_INT32},
                            .hit = hits[event],
                            .n_hits = event == 0 ? 2 : 1};
        assert_int_equal(assembler_push(a, &f, 0), FRAGMENT_ASSEMBLED);
        struct event *e = assembler_take(a, 0);
        assert_non_null(e);
        assert_true(e->plane[0].raw);
        const union pixel_value *v = &e->plane[0].value[(1 * 5 + 2) * 3];
        int32_t expected[2][3] = {{5, 0, 7}, {0, 9, 0}};
        for (uint32_t c = 0; c < 3; c++)
            assert_int_equal(v[c].i, expected[event][c]);
        assembler_release(a, e, 0);
    }
    assembler_destroy(&a);
    geometry_fini(&g);
}

/* A night of random fragments: every event has one end, no slot is lost. */
static void a_night_of_anything_closes(void **state)
{
    (void)state;
    struct run r;
    begin(&r, true, 64);
    uint64_t released = 0, seed = 1;
    for (uint32_t i = 0; i < 100000; i++) {
        seed = hash_mix(seed);
        uint32_t first = (uint32_t)(seed >> 8) % WIRES;
        uint32_t wires = 1 + (uint32_t)(seed >> 16) % (WIRES - first);
        (void)push(&r, i / 8 + (seed >> 24) % 4, seed >> 32 & 1, first, wires);
        r.now_ns += seed >> 40 & 0xfffff;
        struct event *e;
        while (seed % 3 == 0 && (e = assembler_take(r.a, r.now_ns)) != NULL) {
            assert_true(e->incomplete == (e->wires_missing > 0));
            assembler_release(r.a, e, r.now_ns);
            released++;
        }
    }
    assert_int_equal(assembler_counts(r.a).opened, released + assembler_slots_used(r.a));
    assert_true(assembler_counts(r.a).refused > 0 && released > 1000);
    assembler_expire_all(r.a);
    struct event *e;
    while ((e = assembler_take(r.a, r.now_ns)) != NULL)
        assembler_release(r.a, e, r.now_ns);
    assert_int_equal(assembler_slots_used(r.a), 0);
    push_whole(&r, 1U << 30);
    assert_non_null(assembler_take(r.a, r.now_ns));
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_whole_when_its_last_wire_comes),
        cmocka_unit_test(repeated_wires_are_refused),
        cmocka_unit_test(fragments_that_contradict_their_event_are_refused),
        cmocka_unit_test(an_event_whose_time_is_up_says_what_is_missing),
        cmocka_unit_test(with_no_slot_the_caller_can_wait),
        cmocka_unit_test(a_refused_event_stays_refused),
        cmocka_unit_test(a_shared_pixel_is_put_together),
        cmocka_unit_test(edges_beyond_their_room_are_refused),
        cmocka_unit_test(nothing_of_an_event_is_left_in_its_slot),
        cmocka_unit_test(an_image_is_whole_at_once),
        cmocka_unit_test(a_night_of_anything_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
