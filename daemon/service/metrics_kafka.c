#include "service/metrics_kafka.h"

static bool used(const struct sink *s)
{
    return atomic_load(&s->m->kafka.used);
}

void metrics_kafka_partitions(struct sink *s)
{
    if (used(s))
        s->put(s, "", NULL, 0, atomic_load(&s->m->kafka.partitions));
}

void metrics_kafka_lag(struct sink *s)
{
    if (used(s))
        s->put(s, "", NULL, 0, (double)atomic_load(&s->m->kafka.lag));
}

void metrics_kafka_counts(struct sink *s)
{
    if (!used(s))
        return;
#define X(name, help)                                                                              \
    s->put(s, "", &(struct label){"what", #name}, 1, (double)counter_read(&s->m->kafka.name));
    MONITOR_KAFKA(X)
#undef X
}
