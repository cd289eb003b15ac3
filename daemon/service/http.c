/* How: libmicrohttpd's own polling thread serves every connection, so a slow client
 * holds a descriptor but no thread. An answer is made anew for each request. */
#include "service/http.h"

#include "base/clock.h"
#include "service/health.h"
#include "service/json_text.h"
#include "service/page.h"
#include "service/status.h"
#include "service/stream.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, TIMEOUT_S = 10, CONNECTION_BYTES = 16 * 1024, SEND_BYTES = 64 * 1024 };

struct http {
    struct MHD_Daemon *daemon;
    const struct metrics_source *source;
    struct stream *stream;
    uint16_t port;
};

/* The page may load nothing and talk to nobody but this server; no other page may show it. */
static const char page_policy[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static void add_headers(struct MHD_Response *response, const char *type)
{
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(response, "Content-Security-Policy", page_policy);
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const char *type,
                             char *text, size_t bytes, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, text, mode);
    if (response == NULL) {
        if (mode == MHD_RESPMEM_MUST_FREE) {
            free(text);
        }
        return MHD_NO;
    }
    add_headers(response, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(c, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *sentence)
{
    char text[256];
    int n = snprintf(text, sizeof text, "%s\n", sentence);
    return reply(c, status, "text/plain; charset=utf-8", text, (size_t)n, MHD_RESPMEM_MUST_COPY);
}

/* The pages. */

static enum MHD_Result show_page(struct http *h, struct MHD_Connection *c)
{
    (void)h;
    return reply(c, MHD_HTTP_OK, "text/html; charset=utf-8", (char *)(uintptr_t)page_html,
                 page_html_bytes, MHD_RESPMEM_PERSISTENT);
}

/* Takes the text. */
static enum MHD_Result reply_json(struct MHD_Connection *c, char *text, size_t bytes)
{
    if (text == NULL) {
        return say(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
    }
    return reply(c, MHD_HTTP_OK, "application/json", text, bytes, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result show_status(struct http *h, struct MHD_Connection *c)
{
    size_t bytes = 0;
    char *text = status_text(h->source, clock_monotonic_ns(), clock_wall_ns(), &bytes);
    return reply_json(c, text, bytes);
}

static enum MHD_Result show_history(struct http *h, struct MHD_Connection *c)
{
    size_t bytes = 0;
    char *text = status_history_text(h->source, &bytes);
    return reply_json(c, text, bytes);
}

static enum MHD_Result show_accepted(struct http *h, struct MHD_Connection *c)
{
    size_t bytes = 0;
    char *text = status_accepted_text(h->source, &bytes);
    return reply_json(c, text, bytes);
}

static enum MHD_Result show_events(struct http *h, struct MHD_Connection *c)
{
    size_t bytes = 0;
    char *text = status_text(h->source, clock_monotonic_ns(), clock_wall_ns(), &bytes);
    struct MHD_Response *response = stream_open(h->stream, c, text, bytes);
    if (response == NULL) {
        return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are open; close one");
    }
    add_headers(response, "text/event-stream");
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result show_metrics(struct http *h, struct MHD_Connection *c)
{
    size_t bytes = 0;
    char *text = metrics_text(h->source, clock_monotonic_ns(), &bytes);
    if (text == NULL) {
        return say(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
    }
    return reply(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, bytes,
                 MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result show_health(struct http *h, struct MHD_Connection *c)
{
    char text[512];
    bool good = health_live(h->source->monitor, clock_monotonic_ns(), text, sizeof text);
    return say(c, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static enum MHD_Result show_ready(struct http *h, struct MHD_Connection *c)
{
    char text[512];
    bool good = health_ready(h->source->monitor, clock_monotonic_ns(), text, sizeof text);
    return say(c, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static const struct {
    const char *path;
    enum MHD_Result (*show)(struct http *h, struct MHD_Connection *c);
} pages[] = {
    {"/", show_page},           {"/status", show_status},
    {"/history", show_history}, {"/accepted", show_accepted},
    {"/events", show_events},   {"/metrics", show_metrics},
    {"/healthz", show_health},  {"/readyz", show_ready},
};

static enum MHD_Result handle(void *self, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    static int seen;
    (void)version;
    (void)upload;
    if (*state == NULL) { /* headers only so far: answer when the body is through */
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0; /* a body is read and forgotten */
        return MHD_YES;
    }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(url, pages[i].path) == 0) {
            bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
                       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
            return get ? pages[i].show(self, c)
                       : say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
        }
    }
    return say(
        c, MHD_HTTP_NOT_FOUND,
        "no such page: there are /, /status, /history, /accepted, /events, /metrics, /healthz "
        "and /readyz");
}

/* "host:port", "[host]:port", "*:port" into its two halves. */
static bool split(const char *address, char host[256], const char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0' || colon - address > 255) {
        return false;
    }
    const char *from = address, *to = colon;
    if (*from == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    (void)snprintf(host, 256, "%.*s", (int)(to - from), from);
    *port = colon + 1;
    return true;
}

static int listen_on(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    int on = 1, send_bytes = SEND_BYTES;
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Inherited by each connection: what one that does not read may hold in the kernel. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, MAX_CONNECTIONS) != 0) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int open_listener(const char *address, struct error *err)
{
    char host[256];
    const char *port = NULL;
    if (!split(address, host, &port)) {
        (void)error_set(err, ERROR_CONFIG, "service.http = \"%s\": must be HOST:PORT", address);
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    bool any = host[0] == '\0' || strcmp(host, "*") == 0;
    int why = getaddrinfo(any ? NULL : host, port, &hints, &found);
    if (why != 0) {
        (void)error_set(err, ERROR_NETWORK, "service.http = \"%s\": %s", address,
                        gai_strerror(why));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        fd = listen_on(a);
    }
    if (fd < 0) {
        (void)error_set(err, ERROR_NETWORK, "service.http = \"%s\": cannot bind: %s", address,
                        strerror(errno));
    }
    freeaddrinfo(found);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t bytes = sizeof bound;
    (void)getsockname(fd, (struct sockaddr *)&bound, &bytes);
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

struct http *http_start(const char *address, const struct metrics_source *source, struct error *err)
{
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the HTTP server");
        return NULL;
    }
    h->source = source;
    json_text_watch_memory();
    h->stream = stream_create();
    int fd = h->stream != NULL ? open_listener(address, err) : -1;
    if (fd < 0) {
        if (h->stream == NULL) {
            (void)error_set(err, ERROR_SYSTEM, "no memory for the HTTP server");
        }
        stream_destroy(&h->stream);
        free(h);
        return NULL;
    }
    h->port = port_of(fd);
    h->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, handle, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (h->daemon == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "service.http = \"%s\": cannot start the HTTP server",
                        address);
        (void)close(fd);
        stream_destroy(&h->stream);
        free(h);
        return NULL;
    }
    return h;
}

void http_push(struct http *h, uint64_t now_ns, uint64_t wall_ns)
{
    if (stream_wanted(h->stream)) {
        size_t bytes = 0;
        char *text = status_text(h->source, now_ns, wall_ns, &bytes);
        stream_push(h->stream, text, bytes);
    }
}

void http_stop(struct http **http)
{
    if (*http != NULL) {
        stream_end((*http)->stream);
        MHD_stop_daemon((*http)->daemon); /* closes the socket and every connection */
        stream_destroy(&(*http)->stream);
        free(*http);
        *http = NULL;
    }
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}
