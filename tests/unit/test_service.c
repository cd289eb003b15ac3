/* service and its HTTP side, over real sockets on the loopback. */
#include "cmocka_all.h"
#include "run_fixture.h"

#include "base/clock.h"
#include "proto/metrics.pb-c.h"
#include "service/service.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

static struct run_fixture *run;
static void *context;
static struct service *service;

static int set_up(void **state)
{
    struct error err = {0};
    (void)state;
    run = fixture_create();
    context = zmq_ctx_new();
    (void)snprintf(run->settings.service.http, SETTINGS_PATH_BYTES, "127.0.0.1:0");
    run->settings.service.metrics.count = 1;
    (void)snprintf(run->settings.service.metrics.text[0], SETTINGS_PATH_BYTES, "@inproc://metrics");
    service = service_start(&run->settings.service, &run->monitor, &run->board, context, &err);
    return service == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    service_stop(&service);
    (void)zmq_ctx_term(context);
    free(run);
    return 0;
}

static int connect_http(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {20, 0};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(service_http_port(service)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends `request`, reads until the server closes; static memory. */
static const char *ask_bytes(const void *request, size_t bytes)
{
    static char answer[1 << 20];
    size_t used = 0;
    ssize_t n = 0;
    int fd = connect_http();
    (void)send(fd, request, bytes, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while ((n = recv(fd, answer + used, sizeof answer - 1 - used, 0)) > 0) {
        used += (size_t)n;
    }
    answer[used] = '\0';
    (void)close(fd);
    return answer;
}

/* Sends and goes, after a moment for an answer: to some garbage the server has none
 * before its own time limit of 10 s, and a test must not wait for each of those. */
static void throw_bytes(const void *bytes, size_t n)
{
    int fd = connect_http();
    (void)send(fd, bytes, n, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
    (void)close(fd);
}

static const char *ask(const char *method, const char *path)
{
    char request[300];
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", method, path);
    return ask_bytes(request, (size_t)n);
}

static void expect(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL) {
        fail_msg("\"%s\" is not in\n%s", part, answer);
    }
}

static void pages_answer(void **state)
{
    (void)state;
    expect(ask("GET", "/"), "200 OK");
    expect(ask("GET", "/metrics"), "sparsed_events_total{fate=\"accepted\"} 0\n");
    expect(ask("GET", "/metrics"), "text/plain; version=0.0.4");
    expect(ask("HEAD", "/metrics"), "200 OK");
    expect(ask("GET", "/healthz"), "alive\n");
    expect(ask("GET", "/readyz"), "503");
    expect(ask("GET", "/readyz"), "starting\n");
    atomic_store(&run->monitor.ready, true);
    expect(ask("GET", "/readyz"), "200 OK");
    atomic_store(&run->monitor.heartbeat_ns, 1);
    expect(ask("GET", "/healthz"), "503");
    expect(ask("GET", "/healthz"), "event thread has been silent for");
}

static void other_pages_and_methods_are_refused(void **state)
{
    (void)state;
    expect(ask("GET", "/metrics/"), "404");
    expect(ask("GET", "/../etc/passwd"), "404");
    expect(ask("POST", "/metrics"), "405");
    expect(ask("POST", "/metrics"), "Allow: GET, HEAD");
    expect(ask("DELETE", "/"), "405");
}

/* Whatever comes, the next proper request is answered. */
static void garbage_does_no_harm(void **state)
{
    (void)state;
    uint8_t garbage[4096];
    for (uint64_t round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof garbage; i++) {
            garbage[i] = (uint8_t)hash_mix(round * sizeof garbage + i);
        }
        throw_bytes(garbage, 1 + (size_t)(hash_mix(round) % sizeof garbage));
    }
    throw_bytes("GET", 3);
    throw_bytes("GET /metrics HTTP/9.9\r\n\r\n", 25);
    static char huge[100000] = "GET /";
    memset(huge + 5, 'a', sizeof huge - 5);
    throw_bytes(huge, sizeof huge);
    expect(ask("GET", "/"), "200 OK");
}

/* Forty clients connect, send half a request, and say no more. Prometheus comes
 * after them and must not wait for their time limit (10 s). */
static void slow_clients_do_not_block_others(void **state)
{
    int slow[40];
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        slow[i] = connect_http();
        (void)send(slow[i], "GET /metr", 9, MSG_NOSIGNAL);
    }
    uint64_t begun = clock_monotonic_ns();
    expect(ask("GET", "/metrics"), "200 OK");
    assert_true(clock_monotonic_ns() - begun < 8 * NS_PER_S);
    for (size_t i = 0; i < 40; i++) {
        (void)close(slow[i]);
    }
}

static void an_address_in_use_is_named(void **state)
{
    struct error err = {0};
    (void)state;
    struct service_settings second = run->settings.service;
    (void)snprintf(second.http, sizeof second.http, "127.0.0.1:%u", service_http_port(service));
    assert_null(service_start(&second, &run->monitor, &run->board, context, &err));
    assert_int_equal(err.code, ERROR_NETWORK);
    expect(err.text, second.http);
    expect(err.text, "Address already in use");
    (void)snprintf(second.http, sizeof second.http, "9464");
    assert_null(service_start(&second, &run->monitor, &run->board, context, &err));
    assert_int_equal(err.code, ERROR_CONFIG);
    second.http[0] = '\0'; /* the metrics endpoint is in use too */
    assert_null(service_start(&second, &run->monitor, &run->board, context, &err));
    expect(err.text, "service.metrics = \"@inproc://metrics\": cannot bind");
}

static void metrics_are_published(void **state)
{
    (void)state;
    static uint8_t body[1 << 20];
    char topic[16] = "";
    int limit_ms = 20000;
    void *s = zmq_socket(context, ZMQ_SUB);
    (void)zmq_setsockopt(s, ZMQ_SUBSCRIBE, "metrics", 7);
    (void)zmq_setsockopt(s, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    int connected = zmq_connect(s, "inproc://metrics");
    int first = zmq_recv(s, topic, sizeof topic - 1, 0);
    int second = zmq_recv(s, body, sizeof body, 0);
    (void)zmq_close(s);
    assert_int_equal(connected, 0);
    assert_int_equal(first, 7);
    assert_string_equal(topic, "metrics");
    assert_true(second > 0);
    Sparsed__Metrics *all = sparsed__metrics__unpack(NULL, (size_t)second, body);
    assert_non_null(all);
    assert_string_equal(all->families[0]->name, "sparsed_info");
    sparsed__metrics__free_unpacked(all, NULL);
}

/* A wait for one word on systemd's socket; others that come before are skipped. */
static bool systemd_hears(int fd, const char *word, bool *watchdog)
{
    char text[1024];
    ssize_t n = 0;
    while ((n = recv(fd, text, sizeof text - 1, 0)) > 0) {
        text[n] = '\0';
        *watchdog |= strcmp(text, "WATCHDOG=1") == 0;
        if (strcmp(text, word) == 0) {
            return true;
        }
    }
    return false;
}

/* systemd restarts a daemon whose event thread hangs: only a heartbeat that moves
 * may pet the watchdog, however busy the service thread is. */
static void systemd_is_told_the_truth(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval limit = {20, 0}, silence = {1, 0};
    struct error err = {0};
    char pid[16];
    bool watchdog = false;
    (void)state;
    service_stop(&service);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "/tmp/sparsed-notify-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)setenv("NOTIFY_SOCKET", at.sun_path, 1);
    (void)setenv("WATCHDOG_USEC", "40000", 1);
    (void)setenv("WATCHDOG_PID", pid, 1);
    atomic_store(&run->monitor.ready, true);
    atomic_store(&run->monitor.heartbeat_ns, 1);
    run->settings.service.metrics_interval_ns = 3600 * NS_PER_S;
    /* libzmq lets go of the first service's endpoint some time after its close. */
    run->settings.service.metrics.count = 0;
    service = service_start(&run->settings.service, &run->monitor, &run->board, context, &err);
    if (service == NULL) {
        fail_msg("%s", err.text);
    }
    bool ready = systemd_hears(fd, "READY=1", &watchdog);
    bool first = systemd_hears(fd, "WATCHDOG=1", &watchdog);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    bool hung = systemd_hears(fd, "WATCHDOG=1", &watchdog); /* 25 periods: none */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    atomic_store(&run->monitor.heartbeat_ns, 2);
    bool again = systemd_hears(fd, "WATCHDOG=1", &watchdog);
    atomic_store(&run->monitor.stopping, true);
    bool stopping = systemd_hears(fd, "STOPPING=1", &watchdog);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unlink(at.sun_path);
    (void)close(fd);
    assert_true(ready && first && again && stopping);
    assert_false(hung);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pages_answer),
        T(other_pages_and_methods_are_refused),
        T(garbage_does_no_harm),
        T(slow_clients_do_not_block_others),
        T(an_address_in_use_is_named),
        T(metrics_are_published),
        T(systemd_is_told_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
