#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_BYTES = 14, RESPONSE_BYTES = 9, TAG_LENGTH = 0x09, TAG_REQUEST = 0x15 };
#define MAX_BODY_BYTES ((uint64_t)256 << 20)

static int connect_once(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    (void)strcpy(address.sun_path, path);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, (const struct sockaddr *)&address, sizeof address) == 0)
        return s;
    if (s >= 0)
        (void)close(s);
    return -1;
}

static int connect_patiently(const char *folder, const char *prefix, const char *id, int patience_s)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s%s", folder, prefix, id);
    for (int tries = patience_s * 50; tries >= 0; tries--) {
        int s = connect_once(path);
        if (s >= 0)
            return s;
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    (void)fprintf(stderr, "%s: nobody listens\n", path);
    return -1;
}

bool link_open(struct link *l, const char *folder, const char *id, int patience_s)
{
    *l = (struct link){.main = -1, .events = -1};
    l->main = connect_patiently(folder, "", id, patience_s);
    if (l->main >= 0)
        l->events = connect_patiently(folder, "D2X_unix_sock_", id, patience_s);
    return l->events >= 0;
}

void link_close(struct link *l)
{
    if (l->main >= 0)
        (void)close(l->main);
    if (l->events >= 0)
        (void)close(l->events);
    free(l->body);
    *l = (struct link){.main = -1, .events = -1};
}

static bool read_all(int s, uint8_t *to, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = read(s, to, bytes);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        to += n > 0 ? n : 0;
        bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_all(int s, const uint8_t *from, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = send(s, from, bytes, MSG_NOSIGNAL);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        from += n > 0 ? n : 0;
        bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool link_read(struct link *l, uint32_t *request, size_t *bytes)
{
    uint8_t header[REQUEST_BYTES];
    uint64_t length;
    if (!read_all(l->main, header, sizeof header) || header[0] != TAG_LENGTH ||
        header[9] != TAG_REQUEST)
        return false;
    memcpy(&length, header + 1, sizeof length);
    memcpy(request, header + 10, sizeof *request);
    if (length > MAX_BODY_BYTES)
        return false;
    if (length > l->capacity) {
        uint8_t *grown = realloc(l->body, length);
        if (grown == NULL)
            return false;
        l->body = grown;
        l->capacity = length;
    }
    *bytes = length;
    return read_all(l->main, l->body, length);
}

bool link_answer(struct link *l, const uint8_t *body, size_t bytes)
{
    uint8_t header[RESPONSE_BYTES] = {TAG_LENGTH};
    uint64_t length = bytes;
    memcpy(header + 1, &length, sizeof length);
    return write_all(l->main, header, sizeof header) && write_all(l->main, body, bytes);
}

bool link_say_closing(struct link *l)
{
    uint8_t header[REQUEST_BYTES] = {[0] = TAG_LENGTH, [9] = TAG_REQUEST, [10] = LINK_CLOSE};
    return write_all(l->events, header, sizeof header);
}
