/* Any bytes as each of the small text files that decide who may come in: the daemon's secret
 * key, the list of clients, a client's keys, and the file of properties for librdkafka. What is
 * taken is whole; what is not has a reason that names the setting.
 *
 * Input: a byte, which of them; then the file. */
#include "base/curve.h"
#include "base/kafka.h"
#include "common/keys.h"
#include "service/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_reason(const struct error *err)
{
    check(err->code == ERROR_CONFIG && strstr(err->text, "a.setting") != NULL);
}

static void read_secret(const char *path)
{
    struct error err = {.code = ERROR_NONE};
    char secret[CURVE_TEXT_BYTES];
    uint8_t key[CURVE_KEY_BYTES];
    if (!curve_read_secret(path, "a.setting", secret, &err))
        check_reason(&err);
    else
        check(strlen(secret) == CURVE_TEXT_BYTES - 1 && curve_decode(secret, key));
}

static void read_clients(const char *path)
{
    struct error err = {.code = ERROR_NONE};
    struct clients *c = clients_create(path, "a.setting", &err);
    if (c == NULL) {
        check_reason(&err);
        return;
    }
    uint8_t nobody[CURVE_KEY_BYTES] = {0};
    bool known;
    check(clients_count(c) <= CLIENTS_MAX);
    const char *name = clients_find(c, nobody, DOOR_ROLE_control, &known);
    check(name == NULL || (known && name[0] != '\0'));
    check(clients_refresh(c, &err)); /* the same file: nothing to read */
    clients_destroy(&c);
}

static void read_pair(const char *path)
{
    struct keys_pair pair;
    struct failure f = {{0}};
    if (keys_read(&pair, path, &f))
        check(strlen(pair.public_key) == KEYS_TEXT_BYTES - 1);
    else
        check(f.text[0] != '\0');
}

static void read_properties(const char *path)
{
    struct error err = {.code = ERROR_NONE};
    char named[80];
    (void)snprintf(named, sizeof named, "@%s", path);
    const char *text[] = {named};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!kafka_conf_set_all(conf, "a.setting", text, 1, &err))
        check_reason(&err);
    rd_kafka_conf_destroy(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const char *path) = {read_secret, read_clients, read_pair,
                                                        read_properties};
    static int fd = -1;
    char path[32];
    if (fd < 0)
        fd = memfd_create("keys", MFD_CLOEXEC);
    check(fd >= 0 && fchmod(fd, 0600) == 0);
    if (size == 0)
        return 0;
    check(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readers[data[0] % (sizeof readers / sizeof *readers)](path);
    return 0;
}
