#include "base/kafka.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LEVEL_ERROR = 3, LEVEL_WARNING = 4, MAX_PROPERTY_BYTES = 128 };

/* librdkafka's levels are syslog's. It repeats itself: so do we not. */
static void take_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (level <= LEVEL_WARNING)
        log_limited(level <= LEVEL_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "kafka: %s: %s",
                    facility, text);
}

rd_kafka_conf_t *kafka_conf_create(const char *key, const char *brokers, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, take_log);
    if (kafka_conf_set(conf, key, "bootstrap.servers", brokers, err) &&
        kafka_conf_set(conf, key, "client.id", "sparsed", err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

bool kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *property, const char *value,
                    struct error *err)
{
    char why[256];
    if (rd_kafka_conf_set(conf, property, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    return error_set(err, ERROR_CONFIG, "%s: %s = %s: %s", key, property, value, why);
}

bool kafka_conf_set_number(rd_kafka_conf_t *conf, const char *key, const char *property,
                           uint64_t value, struct error *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return kafka_conf_set(conf, key, property, text, err);
}

bool kafka_conf_set_all(rd_kafka_conf_t *conf, const char *key, const char *const *text, uint32_t n,
                        struct error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        char property[MAX_PROPERTY_BYTES];
        const char *equals = strchr(text[i], '=');
        size_t bytes = equals == NULL ? 0 : (size_t)(equals - text[i]);
        if (bytes == 0 || bytes >= sizeof property)
            return error_set(err, ERROR_CONFIG, "%s: \"%s\": must be \"property=value\"", key,
                             text[i]);
        memcpy(property, text[i], bytes);
        property[bytes] = '\0';
        if (!kafka_conf_set(conf, key, property, equals + 1, err))
            return false;
    }
    return true;
}

void kafka_wake_by(rd_kafka_queue_t *queue, int fd)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
}
