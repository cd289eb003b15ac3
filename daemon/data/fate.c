#include "data/fate.h"

static const char *const losses[] = {
#define X(name, help) #name,
    LOSSES(X)
#undef X
};

static const struct {
    const char *name, *help;
    enum loss loss;
} fragment_fates[] = {
#define X(NAME, name, loss, help) {#name, help, LOSS_##loss},
    FRAGMENT_FATES(X)
#undef X
};

static const struct {
    const char *name, *help;
    enum loss loss;
} event_fates[] = {
#define X(NAME, name, loss, help) {#name, help, LOSS_##loss},
    EVENT_FATES(X)
#undef X
};

const char *loss_name(enum loss loss)
{
    return losses[loss];
}

const char *fragment_fate_name(enum fragment_fate fate)
{
    return fragment_fates[fate].name;
}

enum loss fragment_fate_loss(enum fragment_fate fate)
{
    return fragment_fates[fate].loss;
}

const char *fragment_fate_help(enum fragment_fate fate)
{
    return fragment_fates[fate].help;
}

const char *event_fate_name(enum event_fate fate)
{
    return event_fates[fate].name;
}

enum loss event_fate_loss(enum event_fate fate)
{
    return event_fates[fate].loss;
}

int event_fate_is_loss(enum event_fate fate)
{
    return event_fates[fate].loss != LOSS_none;
}

const char *event_fate_help(enum event_fate fate)
{
    return event_fates[fate].help;
}
