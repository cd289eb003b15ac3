/* The guard at the doors: who is let in, who is not, and what is counted. The whole
 * programs are tried in integration/test_doors.py; this one is for the sanitizers. */
#include "service/guard.h"

#include "base/door.h"
#include "service/clients.h"
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

struct pair {
    char public_key[CURVE_TEXT_BYTES], secret_key[CURVE_TEXT_BYTES];
};

static char directory[] = "/tmp/sparsed-guard-XXXXXX";
static struct settings settings;
static struct monitor monitor;
static struct pair daemon_keys, crate, reader, stranger;

static const char *path_of(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *p = path[next++ % 4];
    (void)snprintf(p, sizeof path[0], "%s/%s", directory, name);
    return p;
}

static void write_file(const char *name, mode_t mode, const char *text)
{
    FILE *to = fopen(path_of(name), "we");
    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static void write_clients(const struct pair *readout, const struct pair *subscriber)
{
    char text[512];
    (void)snprintf(text, sizeof text, "# who\n\nreadout %s daq 01\nsubscriber\t%s  page\n",
                   readout->public_key, subscriber->public_key);
    write_file("clients", 0644, text);
}

static int set_up(void **state)
{
    char text[256];
    (void)state;
    assert_non_null(mkdtemp(directory));
    struct pair *all[] = {&daemon_keys, &crate, &reader, &stranger};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(zmq_curve_keypair(all[i]->public_key, all[i]->secret_key), 0);
    (void)snprintf(text, sizeof text, "metadata\ncurve\n    secret-key = \"%s\"\n",
                   daemon_keys.secret_key);
    write_file("secret", 0600, text);
    write_clients(&crate, &reader);
    (void)snprintf(settings.security.secret_key, SETTINGS_PATH_BYTES, "%s", path_of("secret"));
    (void)snprintf(settings.security.clients, SETTINGS_PATH_BYTES, "%s", path_of("clients"));
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    (void)unlink(path_of("secret"));
    (void)unlink(path_of("clients"));
    (void)unlink(path_of("door"));
    return rmdir(directory);
}

static void wait_for(const counter *c)
{
    for (int i = 0; i < 3000 && counter_read(c) == 0; i++)
        (void)usleep(10000);
    assert_true(counter_read(c) > 0);
}

/* A client's socket; keys NULL: plain. */
static void *knock(void *context, int type, const struct pair *keys, const struct pair *server)
{
    char endpoint[256];
    int none = 0;
    void *s = zmq_socket(context, type);
    assert_non_null(s);
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("door"));
    assert_int_equal(zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none), 0);
    if (keys != NULL) {
        assert_int_equal(
            zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server->public_key, CURVE_TEXT_BYTES), 0);
        assert_int_equal(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, keys->public_key, CURVE_TEXT_BYTES),
                         0);
        assert_int_equal(zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, keys->secret_key, CURVE_TEXT_BYTES),
                         0);
    }
    assert_int_equal(zmq_connect(s, endpoint), 0);
    return s;
}

static void refused(void *context, const struct pair *keys, const struct pair *server,
                    enum door_refusal cause)
{
    void *client = knock(context, ZMQ_PUSH, keys, server);
    wait_for(&monitor.door_refused[DOOR_readout][cause]);
    (void)zmq_close(client);
}

/* All who are not let in, and then the one who is: its message is the first to come. */
static void only_the_right_key_opens(void **state)
{
    (void)state;
    struct error err = {0};
    void *context = zmq_ctx_new(), *others = zmq_ctx_new();
    struct guard *g = guard_start(&settings, &monitor, context, &err);
    assert_string_equal(err.text, "");
    assert_non_null(g);
    assert_true(door_is_locked(guard_doors(g), DOOR_control));
    void *door = zmq_socket(context, ZMQ_PULL);
    char endpoint[256];
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("door"));
    assert_true(door_fit(door, guard_doors(g), DOOR_readout, 1000, &err));
    assert_int_equal(zmq_bind(door, endpoint), 0);

    refused(others, &stranger, &daemon_keys, DOOR_REFUSAL_key);
    refused(others, &reader, &daemon_keys, DOOR_REFUSAL_role);
    refused(others, &crate, &stranger, DOOR_REFUSAL_server_key);
    void *client = knock(others, ZMQ_PUSH, &crate, &daemon_keys);
    assert_int_equal(zmq_send(client, "in", 2, 0), 2);
    zmq_msg_t message;
    (void)zmq_msg_init(&message);
    assert_int_equal(zmq_msg_recv(&message, door, 0), 2);
    assert_string_equal(zmq_msg_gets(&message, "User-Id"), "daq 01");
    (void)zmq_msg_close(&message);
    (void)zmq_close(client);

    write_clients(&stranger, &reader); /* the keys change hands */
    client = knock(others, ZMQ_PUSH, &stranger, &daemon_keys);
    assert_int_equal(zmq_send(client, "in", 2, 0), 2);
    char text[8];
    assert_int_equal(zmq_recv(door, text, sizeof text, 0), 2);
    (void)zmq_close(client);
    (void)zmq_close(door);
    guard_stop(&g);
    assert_int_equal(zmq_ctx_term(context), 0);
    assert_int_equal(zmq_ctx_term(others), 0);
}

/* A door left plain among locked ones is open to all, and counts who comes with a key. */
static void a_plain_door_wants_no_key(void **state)
{
    (void)state;
    struct error err = {0};
    struct settings open = settings;
    open.security.plain = 1U << DOOR_metrics;
    void *context = zmq_ctx_new();
    struct guard *g = guard_start(&open, &monitor, context, &err);
    assert_non_null(g);
    void *door = zmq_socket(context, ZMQ_PULL);
    char endpoint[256];
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("door"));
    assert_true(door_fit(door, guard_doors(g), DOOR_metrics, 0, &err));
    assert_int_equal(zmq_bind(door, endpoint), 0);
    void *with_key = knock(context, ZMQ_PUSH, &crate, &daemon_keys);
    for (int i = 0; i < 3000; i++) {
        if (counter_read(&monitor.door_refused[DOOR_metrics][DOOR_REFUSAL_mechanism]) +
                counter_read(&monitor.door_refused[DOOR_metrics][DOOR_REFUSAL_broken]) >
            0)
            break;
        assert_true(i < 2999);
        (void)usleep(10000);
    }
    void *plain = knock(context, ZMQ_PUSH, NULL, NULL);
    assert_int_equal(zmq_send(plain, "in", 2, 0), 2);
    char text[8];
    assert_int_equal(zmq_recv(door, text, sizeof text, 0), 2);
    (void)zmq_close(with_key);
    (void)zmq_close(plain);
    (void)zmq_close(door);
    guard_stop(&g);
    assert_int_equal(zmq_ctx_term(context), 0);
}

/* Whatever somebody wrote into the list: a sentence that names the line, and the old list. */
static void a_wrong_list_leaves_the_old_one(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"readout\n", "line 1: must be a role"},
        {"# x\nking 0000000000000000000000000000000000000000 x\n", "line 2: the role"},
        {"readout 000000000000000000000000000000000000000 x\n", "line 1: the public key"},
        {"readout 000000000000000000000000000000000000000\" x\n", "line 1: the public key"},
        {"readout 0000000000000000000000000000000000000000\n", "line 1: the key must have"},
        {"readout 0000000000000000000000000000000000000000   \n", "line 1: the key must have"},
    };
    struct error err = {0};
    uint8_t key[CURVE_KEY_BYTES];
    bool known;
    write_clients(&crate, &reader);
    struct clients *c = clients_create(path_of("clients"), "security.clients", &err);
    assert_non_null(c);
    assert_true(curve_decode(crate.public_key, key));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file("clients", 0644, wrong[i].text);
        assert_false(clients_refresh(c, &err));
        if (strstr(err.text, wrong[i].says) == NULL)
            fail_msg("%s: %s", wrong[i].text, err.text);
        assert_true(clients_refresh(c, &err)); /* said once */
        assert_string_equal(clients_find(c, key, DOOR_ROLE_readout, &known), "daq 01");
    }
    char long_line[2000] = "readout 0000000000000000000000000000000000000000 ";
    memset(long_line + strlen(long_line), 'x', 1000);
    write_file("clients", 0644, long_line);
    assert_false(clients_refresh(c, &err));
    assert_non_null(strstr(err.text, "is too long"));
    (void)unlink(path_of("clients"));
    assert_false(clients_refresh(c, &err));
    assert_int_equal(clients_count(c), 2);
    write_clients(&stranger, &reader);
    assert_true(clients_refresh(c, &err));
    assert_null(clients_find(c, key, DOOR_ROLE_readout, &known));
    assert_false(known);
    clients_destroy(&c);
}

static void send_garbage(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    static const uint8_t bytes[300] = {1, 0, 7}; /* ZMTP 1: no name; then half a message */
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_true(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0);
    assert_int_equal(close(fd), 0);
}

/* Half a message of ZMTP 1, as a port scanner sends it by chance, left a plain REP socket
 * deaf: nobody could stop a run any more. Watched doors do not talk ZMTP 1. */
static void garbage_leaves_control_able_to_hear(void **state)
{
    (void)state;
    struct error err = {0};
    static const struct settings plain;
    void *context = zmq_ctx_new();
    struct guard *g = guard_start(&plain, &monitor, context, &err);
    assert_non_null(g);
    void *door = zmq_socket(context, ZMQ_REP);
    char endpoint[256], text[8];
    int patience_ms = 20000;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("door"));
    assert_true(door_fit(door, guard_doors(g), DOOR_control, 1000, &err));
    assert_int_equal(zmq_setsockopt(door, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms), 0);
    assert_int_equal(zmq_bind(door, endpoint), 0);
    for (int i = 0; i < 20; i++) {
        send_garbage(path_of("door"));
        void *client = knock(context, ZMQ_REQ, NULL, NULL);
        assert_int_equal(zmq_setsockopt(client, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms), 0);
        assert_int_equal(zmq_send(client, "ask", 3, 0), 3);
        assert_int_equal(zmq_recv(door, text, sizeof text, 0), 3);
        assert_int_equal(zmq_send(door, "say", 3, 0), 3);
        assert_int_equal(zmq_recv(client, text, sizeof text, 0), 3);
        (void)zmq_close(client);
    }
    (void)zmq_close(door);
    guard_stop(&g);
    assert_int_equal(zmq_ctx_term(context), 0);
}

static void local_is_what_the_network_cannot_reach(void **state)
{
    (void)state;
    static const char *const local[] = {"@tcp://127.0.0.1:5", ">tcp://localhost:5",
                                        "ipc:///tmp/a",       "@inproc://a",
                                        "tcp://[::1]:5",      "tcp://127.1.2.3:*"};
    static const char *const open[] = {
        "@tcp://*:5",   ">tcp://daq01:5", "tcp://0.0.0.0:1",   "tcp://localhost.example:1",
        "tcp://[::]:1", "@tcp://eth0:5",  "tcp://10.0.0.1:127"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        assert_true(door_is_local(local[i]));
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_false(door_is_local(open[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_right_key_opens),
        cmocka_unit_test(a_plain_door_wants_no_key),
        cmocka_unit_test(a_wrong_list_leaves_the_old_one),
        cmocka_unit_test(garbage_leaves_control_able_to_hear),
        cmocka_unit_test(local_is_what_the_network_cannot_reach),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
