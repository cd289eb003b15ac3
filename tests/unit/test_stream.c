/* The page and its server-sent events, over real sockets on the loopback. */
#include "cmocka_all.h"
#include "run_fixture.h"

#include "base/clock.h"
#include "service/http.h"
#include "service/stream.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static struct run_fixture *run;
static struct metrics_source source;
static struct http *http;

static int set_up(void **state)
{
    struct error err = {0};
    (void)state;
    run = fixture_create();
    source = (struct metrics_source){&run->monitor, &run->board, watch_create(&run->monitor),
                                     &run->monitor.gallery};
    http = http_start("127.0.0.1:0", &source, &err);
    return http == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    http_stop(&http);
    watch_destroy(&source.watch);
    free(run);
    return 0;
}

/* A connection that has asked for `path`. */
static int asks(const char *method, const char *path)
{
    char request[100];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {20, 0};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_port(http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, path);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

/* Reads on until `words` are in what came; false: the connection ended before. */
static bool reads(int fd, const char *words)
{
    static char text[1 << 20];
    size_t used = 0;
    while (used < sizeof text - 1) {
        ssize_t n = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (n <= 0)
            return false;
        used += (size_t)n;
        text[used] = '\0';
        if (strstr(text, words) != NULL)
            return true;
    }
    return false;
}

/* The status of an answer, 0 if there is none. */
static int status_of(int fd)
{
    char text[16] = "";
    (void)recv(fd, text, sizeof text - 1, MSG_WAITALL);
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}

static void push(void)
{
    http_push(http, clock_monotonic_ns(), clock_wall_ns());
}

static void a_listener_gets_the_status_at_once_and_each_that_is_pushed(void **state)
{
    (void)state;
    int fd = asks("GET", "/events");
    assert_true(reads(fd, "Content-Type: text/event-stream"));
    counter_add(&run->monitor.events_in, 4711);
    push();
    assert_true(reads(fd, "\"sparsed_events_in_total\":[[4711,{}]]"));
    counter_add(&run->monitor.events_in, 1);
    push();
    assert_true(reads(fd, "\"sparsed_events_in_total\":[[4712,{}]]"));
    (void)close(fd);
}

static void the_page_asks_nobody_else(void **state)
{
    (void)state;
    int fd = asks("GET", "/");
    assert_true(reads(fd, "default-src 'none'"));
    (void)close(fd);
    fd = asks("GET", "/");
    assert_true(reads(fd, "</html>"));
    (void)close(fd);
    fd = asks("HEAD", "/events"); /* a probe must not become a listener */
    assert_true(reads(fd, "200 OK"));
    (void)close(fd);
    fd = asks("POST", "/events");
    assert_true(reads(fd, "405"));
    (void)close(fd);
    fd = asks("GET", "/accepted");
    assert_true(reads(fd, "{\"newest\":0,\"accepted\":[]}"));
    (void)close(fd);
}

/* A script that opens the page in a loop: one more than the limit is told so, and the
 * metrics still answer; when one goes there is room again. */
static void listeners_are_limited(void **state)
{
    int fd[STREAM_LIMIT];
    (void)state;
    for (int i = 0; i < STREAM_LIMIT; i++) {
        fd[i] = asks("GET", "/events");
        assert_true(reads(fd[i], "event: status"));
    }
    int more = asks("GET", "/events");
    assert_int_equal(status_of(more), 503);
    (void)close(more);
    more = asks("GET", "/metrics");
    assert_true(reads(more, "sparsed_events_in_total 0"));
    (void)close(more);
    (void)close(fd[0]);
    uint64_t until = clock_monotonic_ns() + 20 * NS_PER_S;
    bool room = false;
    while (!room && clock_monotonic_ns() < until) {
        push(); /* the server sees a gone listener when it has something to say */
        (void)usleep(10000);
        more = asks("GET", "/events");
        room = status_of(more) == 200;
        (void)close(more);
    }
    assert_true(room);
    for (int i = 1; i < STREAM_LIMIT; i++)
        (void)close(fd[i]);
}

/* Browsers asleep, laptops shut: they connect and never read. Others get every status,
 * memory holds one status for each, and the daemon still ends at once. */
static void a_listener_that_never_reads_holds_nobody_up(void **state)
{
    int deaf[4];
    (void)state;
    /* a status of half a megabyte: more than the kernel takes for a connection */
    atomic_store(&run->monitor.n_sources, 200);
    for (uint32_t i = 0; i < 200; i++)
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            counter_add(&run->monitor.source[i].fate[k], 1000000);
    for (size_t i = 0; i < 4; i++)
        deaf[i] = asks("GET", "/events");
    int fd = asks("GET", "/events");
    assert_true(reads(fd, "event: status"));
    for (uint64_t i = 1; i <= 20; i++) {
        char words[64];
        atomic_store(&run->monitor.events_in, i);
        push();
        (void)snprintf(words, sizeof words, "\"sparsed_events_in_total\":[[%llu,{}]]",
                       (unsigned long long)i);
        assert_true(reads(fd, words));
    }
    http_stop(&http); /* with five listeners: hangs, or aborts, if one still sleeps */
    assert_false(reads(fd, "no such words"));
    for (size_t i = 0; i < 4; i++)
        (void)close(deaf[i]);
    (void)close(fd);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_listener_gets_the_status_at_once_and_each_that_is_pushed),
        T(the_page_asks_nobody_else),
        T(listeners_are_limited),
        T(a_listener_that_never_reads_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
