#include "data/fate.h"

static const struct {
    const char *name, *help;
} fragment_fates[] = {
#define X(NAME, name, help) {#name, help},
    FRAGMENT_FATES(X)
#undef X
};

static const struct {
    const char *name, *help;
    int lost;
} event_fates[] = {
#define X(NAME, name, lost, help) {#name, help, lost},
    EVENT_FATES(X)
#undef X
};

const char *fragment_fate_name(enum fragment_fate fate)
{
    return fragment_fates[fate].name;
}

const char *fragment_fate_help(enum fragment_fate fate)
{
    return fragment_fates[fate].help;
}

const char *event_fate_name(enum event_fate fate)
{
    return event_fates[fate].name;
}

const char *event_fate_help(enum event_fate fate)
{
    return event_fates[fate].help;
}

int event_fate_is_loss(enum event_fate fate)
{
    return event_fates[fate].lost;
}
