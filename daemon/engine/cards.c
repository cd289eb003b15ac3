/* A kernel's batches are its offload's slots. One of them may be filling; `n_out` are at the
 * card. What a batch carries is told by its entries, which stay here when a card and its
 * memory go. */
#include "engine/cards.h"

#include <stdlib.h>

enum { NONE = -1, MAX_BATCHES = 8 };

struct entry {
    struct event *ev;
    uint32_t window;
};

struct batch {
    bool out;
    uint32_t n;
    struct entry *entry; /* [offload_batch_windows] */
};

struct card {
    struct offload *offload;
    struct fpga_monitor *monitor;
    uint32_t model, device;
    int filling; /* slot of the batch being filled, or NONE */
    uint32_t n_out;
    struct batch batch[MAX_BATCHES]; /* by slot */
};

struct cards {
    const struct engine_settings *settings;
    const struct model_set *models;
    struct monitor *monitor;
    cards_answer *answer;
    void *user;
    uint32_t n, next; /* `next`: where the search for room begins */
    struct card card[MONITOR_MAX_CARDS];
};

/* ---- life ---- */

static bool add_card(struct cards *c, uint32_t model, uint32_t device,
                     const struct offload_test *test, int done_fd, struct error *err)
{
    if (c->n == MONITOR_MAX_CARDS)
        return error_set(err, ERROR_CONFIG,
                         "engine.fpga.devices: more than %d kernels on cards in all",
                         MONITOR_MAX_CARDS);
    struct card *card = &c->card[c->n];
    *card = (struct card){.monitor = &c->monitor->card[c->n], .model = model, .filling = NONE};
    card->device = device;
    card->offload =
        offload_create(&c->settings->fpga, &c->settings->model[model], device,
                       c->models->entry[model].model, test, done_fd, card->monitor, err);
    if (card->offload == NULL)
        return false;
    c->n++;
    for (uint32_t i = 0; i < c->settings->fpga.batches; i++) {
        card->batch[i].entry =
            calloc(offload_batch_windows(card->offload), sizeof *card->batch[i].entry);
        if (card->batch[i].entry == NULL)
            return error_set(err, ERROR_SYSTEM, "no memory for batches");
    }
    return true;
}

struct cards *cards_create(const struct engine_settings *settings, const struct model_set *models,
                           const struct offload_test *test, int done_fd, struct monitor *monitor,
                           cards_answer *answer, void *user, struct error *err)
{
    struct cards *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for cards");
        return NULL;
    }
    *c = (struct cards){
        .settings = settings, .models = models, .monitor = monitor, .answer = answer, .user = user};
    const struct settings_planes *devices = &settings->fpga.devices;
    bool good = true;
    for (uint32_t i = 0; good && i < models->n_models; i++) {
        for (uint32_t k = 0; good && settings->model[i].xclbin[0] != '\0' && k < devices->count;
             k++)
            good = add_card(c, i, devices->id[k], &test[i], done_fd, err);
    }
    if (good && c->n == 0)
        good = error_set(err, ERROR_CONFIG,
                         "engine.kind = fpga: no model has an xclbin: set engine.model[].xclbin");
    if (!good)
        cards_destroy(&c);
    return c;
}

void cards_destroy(struct cards **cards)
{
    struct cards *c = *cards;
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->n; i++) {
        offload_destroy(&c->card[i].offload);
        for (uint32_t k = 0; k < MAX_BATCHES; k++)
            free(c->card[i].batch[k].entry);
    }
    free(c);
    *cards = NULL;
}

/* Counts begin anew: they are this model's. */
static void clear(struct fpga_monitor *m)
{
    counter *const counts[] = {&m->starts, &m->launches, &m->windows, &m->cross_checked,
                               &m->differing};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        atomic_store(counts[i], 0);
    for (uint32_t i = 0; i < MONITOR_FPGA_DOWN_COUNT; i++)
        atomic_store(&m->down[i], 0);
    atomic_store(&m->state, FPGA_STATE_down);
}

void cards_begin(struct cards *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct card *card = &c->card[i];
        clear(card->monitor);
        atomic_store(&card->monitor->device, card->device);
        atomic_store(&card->monitor->model, card->model);
    }
    atomic_store(&c->monitor->n_cards, c->n);
}

void cards_end(struct cards *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        offload_end(c->card[i].offload);
}

bool cards_gone(const struct cards *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if (!offload_gone(c->card[i].offload))
            return false;
    }
    return true;
}

bool cards_have(const struct cards *c, uint32_t model)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->card[i].model == model)
            return true;
    }
    return false;
}

/* ---- batches ---- */

static bool full(const struct card *card)
{
    return card->batch[card->filling].n == offload_batch_windows(card->offload);
}

static void launch(struct cards *c, struct card *card, uint64_t now_ns)
{
    struct batch *b = &card->batch[card->filling];
    offload_submit(card->offload, card->filling, b->n, now_ns);
    b->out = true;
    card->n_out++;
    card->filling = NONE;
    c->next = (uint32_t)(card - c->card + 1) % c->n;
}

/* The card of this model with the fewest batches out that has room, or NULL; `up`: one is.
 * Cards take turns where they are even. */
static struct card *find_room(struct cards *c, uint32_t model, bool *up)
{
    struct card *best = NULL;
    for (uint32_t k = 0; k < c->n; k++) {
        struct card *card = &c->card[(c->next + k) % c->n];
        if (card->model != model || atomic_load(&card->monitor->state) != FPGA_STATE_up)
            continue;
        *up = true;
        if (card->filling == NONE)
            card->filling = offload_slot(card->offload);
        if (card->filling != NONE && (best == NULL || card->n_out < best->n_out))
            best = card;
    }
    return best;
}

bool cards_put(struct cards *c, struct event *ev, uint32_t i, uint64_t now_ns,
               enum fpga_fallback *why)
{
    bool up = false;
    struct card *card = find_room(c, ev->window[i].model, &up);
    if (card == NULL) {
        *why = up ? FPGA_FALLBACK_busy : FPGA_FALLBACK_no_card;
        return false;
    }
    struct batch *b = &card->batch[card->filling];
    offload_put(card->offload, card->filling, b->n, &ev->window[i]);
    b->entry[b->n++] = (struct entry){ev, i};
    if (full(card))
        launch(c, card, now_ns);
    return true;
}

/* Every window of a batch without scores. */
static void give_up(struct cards *c, uint32_t number, struct batch *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        c->answer(c->user, b->entry[i].ev, b->entry[i].window, NULL, FPGA_FALLBACK_lost, number);
    b->n = 0;
}

static void answer(struct cards *c, uint32_t number, int slot, uint64_t now_ns)
{
    struct card *card = &c->card[number];
    struct batch *b = &card->batch[slot];
    int64_t raw[MODEL_MAX_OUTPUTS];
    bool lied = false;
    for (uint32_t i = 0; i < b->n; i++) {
        /* An answer may have taken the card out (cards_differed): what is left of the batch
         * is no longer believed. */
        bool up = atomic_load(&card->monitor->state) == FPGA_STATE_up;
        bool good = up && offload_result(card->offload, slot, i, raw);
        lied |= up && !good;
        c->answer(c->user, b->entry[i].ev, b->entry[i].window, good ? raw : NULL,
                  up ? FPGA_FALLBACK_lied : FPGA_FALLBACK_lost, number);
    }
    b->n = 0;
    offload_release(card->offload, slot);
    if (lied)
        offload_distrust(card->offload, FPGA_DOWN_lied, now_ns);
}

static void collect(struct cards *c, uint32_t number, uint64_t now_ns)
{
    struct card *card = &c->card[number];
    for (int slot = 0; slot < (int)c->settings->fpga.batches; slot++) {
        struct batch *b = &card->batch[slot];
        if (!b->out)
            continue;
        enum offload_outcome outcome = offload_poll(card->offload, slot, now_ns);
        if (outcome == OFFLOAD_PENDING)
            continue;
        b->out = false;
        card->n_out--;
        if (outcome == OFFLOAD_DONE)
            answer(c, number, slot, now_ns);
        else
            give_up(c, number, b);
    }
}

void cards_tick(struct cards *c, uint64_t now_ns)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct card *card = &c->card[i];
        offload_tick(card->offload, now_ns);
        collect(c, i, now_ns);
        if (card->filling == NONE)
            continue;
        if (atomic_load(&card->monitor->state) != FPGA_STATE_up) {
            give_up(c, i, &card->batch[card->filling]);
            card->filling = NONE;
        } else if (card->n_out < offload_units(card->offload) && card->batch[card->filling].n > 0) {
            launch(c, card, now_ns);
        }
    }
}

uint64_t cards_next_ns(const struct cards *c)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t one = offload_next_ns(c->card[i].offload);
        next = one < next ? one : next;
    }
    return next;
}

void cards_checked(struct cards *c, uint32_t card)
{
    counter_add(&c->card[card].monitor->cross_checked, 1);
}

bool cards_differed(struct cards *c, uint32_t card, uint64_t now_ns)
{
    counter_add(&c->card[card].monitor->differing, 1);
    if (counter_read(&c->card[card].monitor->differing) > c->settings->fpga.mismatches)
        offload_distrust(c->card[card].offload, FPGA_DOWN_differed, now_ns);
    return c->settings->fpga.save_directory[0] != '\0';
}
