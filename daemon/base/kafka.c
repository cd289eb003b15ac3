#include "base/kafka.h"

#include "base/log.h"
#include "base/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LEVEL_ERROR = 3,
    LEVEL_WARNING = 4,
    MAX_PROPERTY_BYTES = 128,
    MAX_LINE_BYTES = 8192, /* a certificate may be one, with \n */
    MAX_WHERE_BYTES = 640,
};

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

/* Sets "property=value"; `where` names it in an error, which does not repeat a value that came out
 * of a file: it may be a password. */
static bool set_text(rd_kafka_conf_t *conf, const char *where, const char *text, bool secret,
                     struct error *err)
{
    char property[MAX_PROPERTY_BYTES], why[256];
    const char *equals = strchr(text, '=');
    size_t bytes = equals == NULL ? 0 : (size_t)(equals - text);
    if (bytes == 0 || bytes >= sizeof property)
        return error_set(err, ERROR_CONFIG, "%s: \"%s\": must be \"property=value\"%s", where,
                         secret ? "..." : text, secret ? "" : " or \"@FILE\"");
    memcpy(property, text, bytes);
    property[bytes] = '\0';
    if (!secret)
        return kafka_conf_set(conf, where, property, equals + 1, err);
    if (rd_kafka_conf_set(conf, property, equals + 1, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    return error_set(err, ERROR_CONFIG, "%s: %s: no such property, or not such a value", where,
                     property);
}

/* A line each; empty ones and those that begin with # say nothing. */
static bool set_file(rd_kafka_conf_t *conf, const char *key, const char *path, struct error *err)
{
    char line[MAX_LINE_BYTES], where[MAX_WHERE_BYTES];
    bool good = true;
    FILE *from = secret_open(path, key, err);
    if (from == NULL)
        return false;
    for (int n = 1; good && fgets(line, sizeof line, from) != NULL; n++) {
        size_t bytes = strcspn(line, "\r\n");
        (void)snprintf(where, sizeof where, "%s: %s:%d", key, path, n);
        if (bytes + 1 == sizeof line)
            good = error_set(err, ERROR_CONFIG, "%s: a line may have %d bytes", where,
                             MAX_LINE_BYTES - 2);
        line[bytes] = '\0';
        if (good && line[0] != '\0' && line[0] != '#')
            good = set_text(conf, where, line, true, err);
    }
    explicit_bzero(line, sizeof line);
    (void)fclose(from);
    return good;
}

bool kafka_conf_set_once(rd_kafka_conf_t *conf, const char *key, struct error *err)
{
    return kafka_conf_set(conf, key, "enable.idempotence", "true", err) &&
           kafka_conf_set(conf, key, "max.in.flight.requests.per.connection", "1", err);
}

bool kafka_conf_set_all(rd_kafka_conf_t *conf, const char *key, const char *const *text, uint32_t n,
                        struct error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (!(text[i][0] == '@' ? set_file(conf, key, text[i] + 1, err)
                                : set_text(conf, key, text[i], false, err)))
            return false;
    return true;
}

/* Told only while no broker can be reached. */
static void on_error(rd_kafka_t *rk, int why, const char *text, void *opaque)
{
    (void)rk, (void)opaque;
    log_limited(LOG_LEVEL_WARN, "kafka: %s: %s", rd_kafka_err2name(why), text);
}

rd_kafka_t *kafka_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *key, void *opaque,
                       struct error *err)
{
    char why[256];
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        error_set(err, ERROR_NETWORK, "%s: %s", key, why);
        rd_kafka_conf_destroy(conf);
    }
    return client;
}

rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer, const char *topic, const char *key,
                                  const char *about, const void *body, size_t bytes, void *opaque)
{
    return rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)body, bytes),
                             RD_KAFKA_V_HEADER("topic", about, (ssize_t)strlen(about)),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque),
                             RD_KAFKA_V_END);
}

void kafka_host(char host[KAFKA_HOST_BYTES])
{
    if (gethostname(host, KAFKA_HOST_BYTES) != 0)
        (void)snprintf(host, KAFKA_HOST_BYTES, "unknown");
    host[KAFKA_HOST_BYTES - 1] = '\0';
}

void kafka_wake_by(rd_kafka_queue_t *queue, int fd)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
}
