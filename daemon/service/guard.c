/* How: a monitor's messages are waited for by libzmq's own threads, so this thread reads
 * them as long as there are sockets: it ends when the context is shut down, not before. */
#include "service/guard.h"

#include "base/log.h"
#include "service/clients.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { ZAP_PARTS = 7, PART_BYTES = 256, IO_THREADS = 2 };

struct guard {
    struct monitor *monitor;
    struct doors doors;
    struct clients *clients; /* NULL: no keys */
    void *context;
    void *zap;
    struct door_watches watches;
    bool has_watches;
    pthread_t thread;
    bool has_thread;
};

/* ---- keys: the ZAP handler ---- */

/* version, request id, domain, address, identity, mechanism, then CURVE's key */
struct request {
    char part[ZAP_PARTS][PART_BYTES];
    size_t bytes[ZAP_PARTS];
    int parts;
};

/* False: nothing waits any more, or the context was shut down. */
static bool receive(void *socket, struct request *r)
{
    *r = (struct request){0};
    int more = 1;
    size_t bytes = sizeof more;
    while (more != 0) {
        char rest[PART_BYTES];
        char *to = r->parts < ZAP_PARTS ? r->part[r->parts] : rest;
        int n = zmq_recv(socket, to, PART_BYTES - 1, ZMQ_DONTWAIT);
        if (n < 0)
            return false;
        if (r->parts < ZAP_PARTS)
            r->bytes[r->parts] = n < PART_BYTES ? (size_t)n : PART_BYTES;
        r->parts++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &bytes) != 0)
            return false;
    }
    return true;
}

static void answer(void *socket, const struct request *r, const char *code, const char *text,
                   const char *user)
{
    const char *parts[] = {r->part[0], r->part[1], code, text, user, ""};
    size_t n = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < n; i++) {
        size_t bytes = i < 2 ? r->bytes[i] : strlen(parts[i]);
        if (zmq_send(socket, parts[i], bytes, ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0)) < 0)
            return;
    }
}

static int find_door(const char *name)
{
    for (int d = 0; d < DOOR_COUNT; d++)
        if (strcmp(name, door_name((enum door)d)) == 0)
            return d;
    return -1;
}

static void look_at_list(struct guard *g)
{
    struct error err = {0};
    uint32_t before = clients_count(g->clients);
    if (!clients_refresh(g->clients, &err))
        log_error("%s; the list of clients stays as it was", err.text);
    else if (clients_count(g->clients) != before)
        log_info("list of clients read again: %u keys", clients_count(g->clients));
}

static void judge(struct guard *g, const struct request *r)
{
    const char *domain = r->part[2], *address = r->part[3];
    int door = find_door(domain);
    if (door >= 0 && !door_is_locked(&g->doors, (enum door)door) &&
        strcmp(r->part[5], "NULL") == 0) {
        answer(g->zap, r, "200", "OK", "");
        return;
    }
    if (door < 0 || g->clients == NULL || r->parts != ZAP_PARTS ||
        strcmp(r->part[5], "CURVE") != 0 || r->bytes[6] != CURVE_KEY_BYTES) {
        answer(g->zap, r, "500", "not a CURVE request of sparsed", "");
        return;
    }
    look_at_list(g);
    bool known;
    enum door_role role = door_role((enum door)door);
    const uint8_t *key = (const uint8_t *)r->part[6];
    const char *name = clients_find(g->clients, key, role, &known);
    if (name != NULL) {
        log_debug("%s: %s comes in from %s", domain, name, address);
        answer(g->zap, r, "200", "OK", name);
        return;
    }
    char text[CURVE_TEXT_BYTES];
    enum door_refusal cause = known ? DOOR_REFUSAL_role : DOOR_REFUSAL_key;
    counter_add(&g->monitor->door_refused[door][cause], 1);
    log_limited(LOG_LEVEL_WARN, "%s: refused %s from %s: %s (%s wanted)", domain,
                zmq_z85_encode(text, key, CURVE_KEY_BYTES), address, door_refusal_help(cause),
                door_role_name(role));
    answer(g->zap, r, "400", known ? "the key has another role" : "the key is not known", "");
}

/* ---- greetings that failed ---- */

static enum door_refusal cause_of(uint16_t event, uint32_t value)
{
    if (event != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        return DOOR_REFUSAL_broken;
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return DOOR_REFUSAL_server_key;
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return DOOR_REFUSAL_mechanism;
    default:
        return DOOR_REFUSAL_broken;
    }
}

/* One event: a part of 16 + 32 bits, a part with the address of our end. False: the socket is gone,
 * nothing more will be heard. */
static bool hear(struct guard *g, enum door door, const struct request *r)
{
    uint16_t event;
    uint32_t value;
    if (r->parts != 2 || r->bytes[0] != sizeof event + sizeof value)
        return true;
    memcpy(&event, r->part[0], sizeof event);
    memcpy(&value, r->part[0] + sizeof event, sizeof value);
    if (event == ZMQ_EVENT_MONITOR_STOPPED)
        return false;
    enum door_refusal cause = cause_of(event, value);
    counter_add(&g->monitor->door_refused[door][cause], 1);
    log_limited(LOG_LEVEL_WARN, "%s (%s): refused: %s", door_name(door), r->part[1],
                door_refusal_help(cause));
    return true;
}

/* Hears all that are there and lists them for the next sleep. */
static int listen_at_doors(struct guard *g, zmq_pollitem_t *items)
{
    struct door_watches *w = &g->watches;
    struct request r;
    int n = 0;
    (void)pthread_mutex_lock(&w->lock);
    for (int i = 0; i < DOOR_WATCHES; i++) {
        bool there = w->watch[i].end != NULL;
        while (there && receive(w->watch[i].end, &r))
            there = hear(g, w->watch[i].door, &r);
        if (there) {
            items[n++] = (zmq_pollitem_t){.socket = w->watch[i].end, .events = ZMQ_POLLIN};
        } else if (w->watch[i].end != NULL) {
            (void)zmq_close(w->watch[i].end);
            w->watch[i].end = NULL;
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

static void *run(void *self)
{
    struct guard *g = self;
    struct request r;
    zmq_pollitem_t items[DOOR_WATCHES + 2];
    int n;
    (void)pthread_setname_np(pthread_self(), "guard");
    do {
        wake_clear(&g->watches.wake);
        n = listen_at_doors(g, items);
        items[n++] = (zmq_pollitem_t){.socket = g->zap, .events = ZMQ_POLLIN};
        items[n++] = (zmq_pollitem_t){.fd = g->watches.wake.fd, .events = ZMQ_POLLIN};
        while (receive(g->zap, &r))
            judge(g, &r);
    } while (zmq_poll(items, n, -1) >= 0 || errno == EINTR);
    return NULL;
}

/* ---- life ---- */

static bool open_sockets(struct guard *g, struct error *err)
{
    g->has_watches = wake_init(&g->watches.wake);
    if (!g->has_watches)
        return error_set(err, ERROR_SYSTEM, "no descriptor left for the guard");
    g->watches.zmq_context = g->context;
    (void)pthread_mutex_init(&g->watches.lock, NULL);
    g->zap = zmq_socket(g->context, ZMQ_REP);
    bool good = g->zap != NULL && zmq_bind(g->zap, "inproc://zeromq.zap.01") == 0;
    return good || error_set(err, ERROR_SYSTEM, "security: cannot make the guard's sockets: %s",
                             zmq_strerror(errno));
}

static void say_open(const struct doors *doors, enum door door,
                     const struct settings_strings *endpoints)
{
    for (uint32_t i = 0; i < endpoints->count && !door_is_locked(doors, door); i++)
        if (!door_is_local(endpoints->text[i]))
            log_warn("%s %s is plain: who reaches it needs no key", door_name(door),
                     endpoints->text[i]);
}

static void say_open_page(const char *http)
{
    char endpoint[SETTINGS_PATH_BYTES + 8];
    (void)snprintf(endpoint, sizeof endpoint, "tcp://%s", http);
    if (http[0] != '\0' && !door_is_local(endpoint))
        log_warn("service.http %s can be reached from the network: who does may read the page, "
                 "and change nothing",
                 http);
}

static bool read_keys(struct guard *g, const struct security_settings *s, struct error *err)
{
    if (s->secret_key[0] == '\0')
        return true;
    if (!zmq_has("curve"))
        return error_set(err, ERROR_CONFIG, "security.secret_key: this libzmq has no CURVE");
    if (!curve_read_secret(s->secret_key, "security.secret_key", g->doors.secret, err) ||
        (s->first_tier[0] != '\0' &&
         !curve_read_public(s->first_tier, "security.first_tier", g->doors.first_tier, err)))
        return false;
    g->clients = clients_create(s->clients, "security.clients", err);
    return g->clients != NULL;
}

static bool start(struct guard *g, const struct settings *s, struct error *err)
{
    g->doors = (struct doors){.plain = s->security.plain, .watches = &g->watches};
    g->doors.apart = zmq_ctx_set(g->context, ZMQ_IO_THREADS, IO_THREADS) == 0;
    if (!read_keys(g, &s->security, err) || !open_sockets(g, err))
        return false;
    int why = pthread_create(&g->thread, NULL, run, g);
    if (why != 0)
        return error_set(err, ERROR_SYSTEM, "cannot start thread guard: %s", strerror(why));
    g->has_thread = true;
    if (g->clients != NULL)
        log_info("keys for %u clients from %s", clients_count(g->clients), s->security.clients);
    say_open(&g->doors, DOOR_readout, &s->readout.endpoints);
    say_open(&g->doors, DOOR_decisions, &s->output.decisions);
    say_open(&g->doors, DOOR_push, &s->output.push);
    say_open(&g->doors, DOOR_metrics, &s->service.metrics);
    say_open(&g->doors, DOOR_control, &s->service.control);
    say_open_page(s->service.http);
    return true;
}

struct guard *guard_start(const struct settings *settings, struct monitor *monitor,
                          void *zmq_context, struct error *err)
{
    struct guard *g = calloc(1, sizeof *g);
    if (g == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the guard");
        return NULL;
    }
    g->monitor = monitor;
    g->context = zmq_context;
    if (!start(g, settings, err))
        guard_stop(&g);
    return g;
}

const struct doors *guard_doors(const struct guard *g)
{
    return &g->doors;
}

void guard_stop(struct guard **guard)
{
    struct guard *g = *guard;
    if (g == NULL)
        return;
    (void)zmq_ctx_shutdown(g->context);
    if (g->has_thread)
        (void)pthread_join(g->thread, NULL);
    for (int i = 0; i < DOOR_WATCHES; i++)
        if (g->watches.watch[i].end != NULL)
            (void)zmq_close(g->watches.watch[i].end);
    if (g->has_watches) {
        wake_fini(&g->watches.wake);
        (void)pthread_mutex_destroy(&g->watches.lock);
    }
    if (g->zap != NULL)
        (void)zmq_close(g->zap);
    clients_destroy(&g->clients);
    explicit_bzero(&g->doors, sizeof g->doors);
    free(g);
    *guard = NULL;
}
