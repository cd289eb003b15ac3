/* Each card's three labels are made once and its row's own are put behind them. */
#include "service/metrics_cards.h"

#include <stdio.h>

enum { CARD_LABELS = 3, MORE_LABELS = 2 };

struct card_labels {
    char card[16], device[16];
    struct label label[CARD_LABELS + MORE_LABELS];
};

static uint32_t cards(const struct sink *s)
{
    return atomic_load(&s->m->n_cards);
}

static void label_card(const struct sink *s, uint32_t i, struct card_labels *to)
{
    const struct fpga_monitor *card = &s->m->card[i];
    (void)snprintf(to->card, sizeof to->card, "%u", i);
    (void)snprintf(to->device, sizeof to->device, "%u", atomic_load(&card->device));
    to->label[0] = (struct label){"card", to->card};
    to->label[1] = (struct label){"device", to->device};
    to->label[2] =
        (struct label){"model", s->info->models->entry[atomic_load(&card->model)].model->name};
}

static void put(struct sink *s, const struct card_labels *l, size_t more, double value)
{
    s->put(s, "", l->label, CARD_LABELS + more, value);
}

/* One sample for each card. */
#define FOR_EACH_CARD(name, counter)                                                               \
    void name(struct sink *s)                                                                      \
    {                                                                                              \
        struct card_labels l;                                                                      \
        for (uint32_t i = 0; i < cards(s); i++) {                                                  \
            label_card(s, i, &l);                                                                  \
            put(s, &l, 0, (double)counter_read(&s->m->card[i].counter));                           \
        }                                                                                          \
    }

FOR_EACH_CARD(metrics_cards_starts, starts)
FOR_EACH_CARD(metrics_cards_launches, launches)
FOR_EACH_CARD(metrics_cards_windows, windows)
FOR_EACH_CARD(metrics_cards_cross_checked, cross_checked)
FOR_EACH_CARD(metrics_cards_differing, differing)

void metrics_cards_state(struct sink *s)
{
    struct card_labels l;
    for (uint32_t i = 0; i < cards(s); i++) {
        uint32_t state = atomic_load(&s->m->card[i].state);
        label_card(s, i, &l);
        for (uint32_t k = 0; k < MONITOR_FPGA_STATE_COUNT; k++) {
            l.label[CARD_LABELS] =
                (struct label){"state", monitor_fpga_state_name((enum fpga_state)k)};
            put(s, &l, 1, state == k ? 1 : 0);
        }
    }
}

void metrics_cards_down(struct sink *s)
{
    struct card_labels l;
    for (uint32_t i = 0; i < cards(s); i++) {
        label_card(s, i, &l);
        for (uint32_t k = 0; k < MONITOR_FPGA_DOWN_COUNT; k++) {
            l.label[CARD_LABELS] =
                (struct label){"cause", monitor_fpga_down_name((enum fpga_down)k)};
            put(s, &l, 1, (double)counter_read(&s->m->card[i].down[k]));
        }
    }
}

static void put_step(struct sink *s, struct card_labels *l, const char *step,
                     const struct histogram *from)
{
    struct histogram_summary h = histogram_read(from);
    const struct {
        const char *quantile;
        uint64_t ns;
    } row[] = {{"0.5", h.p50_ns}, {"0.99", h.p99_ns}, {"0.999", h.p999_ns}, {"1", h.max_ns}};
    l->label[CARD_LABELS] = (struct label){"step", step};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        l->label[CARD_LABELS + 1] = (struct label){"quantile", row[i].quantile};
        put(s, l, 2, (double)row[i].ns / 1e9);
    }
    s->put(s, "_sum", l->label, CARD_LABELS + 1, (double)h.sum_ns / 1e9);
    s->put(s, "_count", l->label, CARD_LABELS + 1, (double)h.count);
}

void metrics_cards_batch_seconds(struct sink *s)
{
    struct card_labels l;
    for (uint32_t i = 0; i < cards(s); i++) {
        label_card(s, i, &l);
        put_step(s, &l, "queue", &s->m->card[i].queue_ns);
        put_step(s, &l, "card", &s->m->card[i].card_ns);
    }
}

void metrics_cards_fallback(struct sink *s)
{
    for (uint32_t k = 0; cards(s) > 0 && k < MONITOR_FPGA_FALLBACK_COUNT; k++) {
        struct label l = {"cause", monitor_fpga_fallback_name((enum fpga_fallback)k)};
        s->put(s, "", &l, 1, (double)counter_read(&s->m->fpga_fallback[k]));
    }
}
