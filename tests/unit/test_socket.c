/* The data socket on real endpoints. */
#include "unit/cmocka_all.h"

#include "readout/socket.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 }; /* how long a message may take before the test fails */

static void *context;
static char directory[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/sparsed-socket-XXXXXX");
    context = zmq_ctx_new();
    return mkdtemp(directory) && context ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    zmq_ctx_term(context);
    return rmdir(directory);
}

static struct readout_settings *settings(enum readout_pattern pattern, const char *endpoint)
{
    static struct readout_settings s;
    memset(&s, 0, sizeof s);
    s.pattern = pattern;
    s.high_water_mark = 1000;
    s.max_message_bytes = 4096;
    s.endpoints.count = 1;
    (void)snprintf(s.endpoints.text[0], sizeof s.endpoints.text[0], "%s", endpoint);
    return &s;
}

static struct readout_socket *open_socket(enum readout_pattern pattern, const char *endpoint)
{
    struct error err = {0};
    struct readout_socket *s = readout_socket_create(context, settings(pattern, endpoint), &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static void *open_peer(int type, const char *endpoint, bool binds)
{
    void *peer = zmq_socket(context, type);
    int linger = PATIENCE_MS;
    zmq_setsockopt(peer, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal((binds ? zmq_bind : zmq_connect)(peer, endpoint), 0);
    return peer;
}

static void send_parts(void *peer, int n, const char *const *part)
{
    for (int i = 0; i < n; i++)
        assert_true(zmq_send(peer, part[i], strlen(part[i]), i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
}

static void receive(struct readout_socket *s, struct message *m)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += 100) {
        enum receive_result got = readout_socket_receive(s, m);
        if (got == RECEIVE_MESSAGE)
            return;
        assert_int_equal(got, RECEIVE_NONE);
        readout_socket_wait(s, -1, 100);
    }
    fail_msg("no message came");
}

static void check_part(zmq_msg_t *part, const char *text)
{
    assert_int_equal(zmq_msg_size(part), strlen(text));
    assert_memory_equal(zmq_msg_data(part), text, strlen(text));
}

/* A message with more or fewer parts is one message, counted once: its parts must
 * never be taken for the beginning of the next. */
static void parts_never_slip_into_the_next_message(void **state)
{
    (void)state;
    struct readout_socket *s = open_socket(READOUT_PULL, "@inproc://parts");
    void *peer = open_peer(ZMQ_PUSH, "inproc://parts", false);
    static const char *const part[] = {"topic", "header", "payload", "four", "five"};
    for (int n = 1; n <= 5; n++)
        send_parts(peer, n, part);
    send_parts(peer, 3, part);
    struct message m;
    for (int n = 1; n <= 6; n++) {
        receive(s, &m);
        check_part(&m.topic, "topic");
        assert_int_equal(m.whole, n == 3 || n == 6);
        if (m.whole) {
            check_part(&m.header, "header");
            check_part(&m.payload, "payload");
        }
        message_close(&m);
    }
    assert_int_equal(readout_socket_receive(s, &m), RECEIVE_NONE);
    zmq_close(peer);
    readout_socket_destroy(&s);
    assert_null(s);
}

/* ">" connects, and so does no sign. */
static void endpoints_connect_with_and_without_a_sign(void **state)
{
    (void)state;
    static const char *const text[] = {">inproc://sign", "inproc://none"};
    for (int i = 0; i < 2; i++) {
        void *peer = open_peer(ZMQ_PUSH, text[i] + (text[i][0] == '>'), true);
        struct readout_socket *s = open_socket(READOUT_PULL, text[i]);
        send_parts(peer, 3, (const char *const[]){"t", "h", "p"});
        struct message m;
        receive(s, &m);
        assert_true(m.whole);
        message_close(&m);
        readout_socket_destroy(&s);
        zmq_close(peer);
    }
}

static void topics_are_prefixes(void **state)
{
    (void)state;
    struct readout_settings *set = settings(READOUT_SUB, "@inproc://topics");
    set->topics.count = 1;
    (void)snprintf(set->topics.text[0], sizeof set->topics.text[0], "fragment");
    struct readout_socket *s = readout_socket_create(context, set, NULL);
    assert_non_null(s);
    void *peer = open_peer(ZMQ_XPUB, "inproc://topics", false);
    char subscription[32];
    /* An inproc subscription goes out when its own thread next looks at the socket. */
    int patience = PATIENCE_MS;
    zmq_setsockopt(peer, ZMQ_RCVTIMEO, &patience, sizeof patience);
    readout_socket_wait(s, -1, 0);
    assert_int_equal(zmq_recv(peer, subscription, sizeof subscription, 0), 9);
    send_parts(peer, 3, (const char *const[]){"other", "h", "p"});
    send_parts(peer, 3, (const char *const[]){"fragment.7", "h", "p"});
    struct message m;
    receive(s, &m);
    check_part(&m.topic, "fragment.7");
    message_close(&m);
    zmq_close(peer);
    readout_socket_destroy(&s);
}

static void what_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct readout_socket *first = open_socket(READOUT_PULL, "@inproc://taken");
    static const char *const bad[] = {"@inproc://taken",
                                      ">nonsense",
                                      "@tcp://127.0.0.1:port",
                                      "@ipc:///nonexistent/directory/file",
                                      "",
                                      ">"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        assert_null(readout_socket_create(context, settings(READOUT_PULL, bad[i]), &err));
        assert_int_equal(err.code, ERROR_NETWORK);
        assert_non_null(strstr(err.text, "readout.endpoints: cannot "));
        assert_non_null(strstr(err.text, bad[i] + (bad[i][0] == '@' || bad[i][0] == '>')));
    }
    struct readout_settings *none = settings(READOUT_PULL, "");
    none->endpoints.count = 0;
    assert_null(readout_socket_create(context, none, NULL));
    readout_socket_destroy(&first);
}

/* A daemon that was killed leaves its ipc file behind; started again it has to bind
 * the same endpoint. */
static void a_stale_ipc_file_does_not_prevent_binding(void **state)
{
    (void)state;
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "@ipc://%s/data", directory);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) { /* libzmq's context of the parent is not touched here */
        void *own = zmq_ctx_new();
        bool bound = readout_socket_create(own, settings(READOUT_PULL, endpoint), NULL) != NULL;
        if (write(ready[1], &bound, 1) == 1)
            (void)pause();
        _exit(1);
    }
    bool bound = false;
    assert_int_equal(read(ready[0], &bound, 1), 1);
    assert_true(bound);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(access(endpoint + strlen("@ipc://"), F_OK), 0); /* it is stale */
    struct readout_socket *s = open_socket(READOUT_PULL, endpoint);
    void *peer = open_peer(ZMQ_PUSH, endpoint + 1, false);
    send_parts(peer, 3, (const char *const[]){"t", "h", "p"});
    struct message m;
    receive(s, &m);
    message_close(&m);
    zmq_close(peer);
    readout_socket_destroy(&s);
    (void)unlink(endpoint + strlen("@ipc://"));
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* A part above max_message costs its sender the connection and us nothing. */
static void a_too_large_message_does_not_arrive(void **state)
{
    (void)state;
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "@ipc://%s/large", directory);
    struct readout_socket *s = open_socket(READOUT_PULL, endpoint);
    static char large[8192];
    memset(large, 'x', sizeof large - 1);
    void *liar = open_peer(ZMQ_PUSH, endpoint + 1, false);
    send_parts(liar, 3, (const char *const[]){"t", "h", large});
    void *peer = open_peer(ZMQ_PUSH, endpoint + 1, false);
    send_parts(peer, 3, (const char *const[]){"good", "h", "p"});
    struct message m;
    receive(s, &m);
    check_part(&m.topic, "good");
    assert_true(m.whole);
    message_close(&m);
    int now = 0;
    zmq_setsockopt(liar, ZMQ_LINGER, &now, sizeof now);
    zmq_close(liar);
    zmq_close(peer);
    readout_socket_destroy(&s);
    (void)unlink(endpoint + strlen("@ipc://"));
}

/* The readout thread sleeps on the socket and on its wake at once. */
static void a_descriptor_ends_the_wait(void **state)
{
    (void)state;
    struct readout_socket *s = open_socket(READOUT_PULL, "@inproc://wait");
    int fd = eventfd(1, EFD_CLOEXEC);
    readout_socket_wait(s, fd, -1); /* would sleep for ever */
    (void)close(fd);
    struct message m;
    assert_int_equal(readout_socket_receive(s, &m), RECEIVE_NONE);
    readout_socket_destroy(&s);
}

static void a_context_that_ends_closes_the_socket(void **state)
{
    (void)state;
    void *own = zmq_ctx_new();
    struct readout_socket *s =
        readout_socket_create(own, settings(READOUT_PULL, "@inproc://end"), NULL);
    assert_int_equal(zmq_ctx_shutdown(own), 0);
    struct message m;
    assert_int_equal(readout_socket_receive(s, &m), RECEIVE_CLOSED);
    readout_socket_destroy(&s);
    assert_int_equal(zmq_ctx_term(own), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_never_slip_into_the_next_message),
        cmocka_unit_test(endpoints_connect_with_and_without_a_sign),
        cmocka_unit_test(topics_are_prefixes),
        cmocka_unit_test(what_cannot_be_opened_is_named),
        cmocka_unit_test(a_stale_ipc_file_does_not_prevent_binding),
        cmocka_unit_test(a_too_large_message_does_not_arrive),
        cmocka_unit_test(a_descriptor_ends_the_wait),
        cmocka_unit_test(a_context_that_ends_closes_the_socket),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
