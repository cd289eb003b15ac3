/* base/kafka and base/secret: what a site gives librdkafka, and passwords out of a file. */
#include "base/kafka.h"
#include "base/secret.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/test_kafka_conf.%d", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static bool set_all(rd_kafka_conf_t *conf, const char *more, struct error *err)
{
    char file[80];
    const char *text[] = {"client.rack=a", file, more};
    (void)snprintf(file, sizeof file, "@%s", path);
    return kafka_conf_set_all(conf, "key", text, more == NULL ? 2 : 3, err);
}

static void assert_property(const rd_kafka_conf_t *conf, const char *name, const char *wanted)
{
    char value[128];
    size_t bytes = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &bytes), RD_KAFKA_CONF_OK);
    assert_string_equal(value, wanted);
}

/* A password in the configuration would be shown by `sparsectl config`, in the recorder's files
 * and to whoever reads a ConfigMap. */
static void a_file_brings_properties(void **state)
{
    struct error err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)state;
    write_file("# of the site\n\nsasl.username=trigger\r\nsasl.password=a=b#c\nclient.rack=b",
               0600);
    assert_true(set_all(conf, "client.id=last", &err));
    assert_property(conf, "sasl.username", "trigger");
    assert_property(conf, "sasl.password", "a=b#c");
    assert_property(conf, "client.rack", "b"); /* in the order of the list */
    assert_property(conf, "client.id", "last");
    rd_kafka_conf_destroy(conf);
}

/* What is wrong in the file is said by its line, never by its value: the log is no place for it. */
static void a_mistake_does_not_tell_the_secret(void **state)
{
    static const struct {
        const char *text, *said;
    } row[] = {
        {"x=1\nsasl.passwort=tops3cret\n", ":1: x: no such property"},
        {"#\nsasl.passwort=tops3cret\n", ":2: sasl.passwort: no such property"},
        {"tops3cret\n", ":1: \"...\": must be \"property=value\""},
        {"=tops3cret\n", ":1: \"...\": must be"},
        {"socket.timeout.ms=tops3cret", ":1: socket.timeout.ms: no such property, or not such"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct error err;
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        write_file(row[i].text, 0600);
        assert_false(set_all(conf, NULL, &err));
        assert_non_null(strstr(err.text, row[i].said));
        assert_null(strstr(err.text, "tops3cret"));
        rd_kafka_conf_destroy(conf);
    }
}

/* fgets would give the rest of a long line as a line of its own: half a certificate, no error. */
static void a_line_too_long_is_refused(void **state)
{
    struct error err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char *text = NULL;
    (void)state;
    assert_int_equal(asprintf(&text, "client.rack=%020000d", 0), 20012);
    write_file(text, 0600);
    assert_false(set_all(conf, NULL, &err));
    assert_non_null(strstr(err.text, ":1: a line may have 8190 bytes"));
    free(text);
    rd_kafka_conf_destroy(conf);
}

static bool opens(struct error *err)
{
    FILE *from = secret_open(path, "key", err);
    if (from != NULL)
        (void)fclose(from);
    return from != NULL;
}

/* A secret that others may read is none. A Secret that Kubernetes mounts is root's, and readable
 * by the group of the program, which is not root: that must do. */
static void who_may_read_it(void **state)
{
    struct error err;
    (void)state;
    write_file("a=b\n", 0600);
    assert_true(opens(&err));
    for (unsigned bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_false(opens(&err));
        assert_non_null(strstr(err.text, "others than its owner may use it"));
    }
    if (geteuid() != 0)
        return;
    static const mode_t allowed[] = {0400, 0600, 0440, 0640}, refused[] = {0460, 0444, 0644, 0650};
    assert_int_equal(chown(path, 0, 12345), 0);
    assert_int_equal(setegid(12345), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(chmod(path, allowed[i]), 0);
        assert_int_equal(seteuid(12345), 0);
        bool mine = (allowed[i] & S_IRGRP) != 0; /* else the system says no */
        assert_int_equal(opens(&err), mine);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(chmod(path, refused[i]), 0);
        assert_int_equal(seteuid(12345), 0);
        assert_false(opens(&err));
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(setegid(0), 0);
}

static void what_is_not_there(void **state)
{
    struct error err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *missing = "@/nowhere/kafka", *folder = "@/tmp", *bare = "nothing";
    (void)state;
    write_file("", 0600);
    assert_true(set_all(conf, NULL, &err));
    assert_false(kafka_conf_set_all(conf, "key", &missing, 1, &err));
    assert_string_equal(err.text, "key = \"/nowhere/kafka\": No such file or directory");
    assert_false(kafka_conf_set_all(conf, "key", &folder, 1, &err));
    assert_string_equal(err.text, "key = \"/tmp\": is a folder");
    assert_false(kafka_conf_set_all(conf, "key", &bare, 1, &err));
    assert_non_null(strstr(err.text, "\"nothing\": must be \"property=value\" or \"@FILE\""));
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_brings_properties, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_mistake_does_not_tell_the_secret, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_line_too_long_is_refused, make_path, remove_path),
        cmocka_unit_test_setup_teardown(who_may_read_it, make_path, remove_path),
        cmocka_unit_test_setup_teardown(what_is_not_there, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
