/* Values at the edges of what a key takes, a row each: numbers with points and units, addresses,
 * names, lists. A value that is nearly right and taken for another costs a run: "1.5.0 s" is no
 * time, a port of 65536 is port 0, and "tcp://host:" would bind wherever there is room. */
#include "config/config.h"

#include "cmocka_all.h"

#include <string.h>

#define LEAST "readout.endpoints = ['tcp://127.1:1']\nengine.model = [{file = 'm.h5'}]\n"

static const struct {
    const char *line; /* of a configuration */
    const char *says; /* of the refusal; NULL: it is taken */
} rows[] = {
    /* a number and a unit */
    {"readout.event_timeout = '1.5.0 s'", "must be a time"},
    {"readout.event_timeout = '.5 s'", "must be a time"},
    {"readout.event_timeout = 's'", "must be a time"},
    {"readout.event_timeout = '12345678901234567890 ns'", "must be a time"},
    {"readout.event_timeout = '0.0000000001 s'", "must be a time"},
    {"readout.event_timeout = '9999999999999999999 s'", "must be a time"},
    {"readout.event_timeout = \"5 s\\u0000\"", "must be a time"},
    {"readout.event_timeout = ''", "must be a time"},
    {"readout.event_timeout = true", "must be a time"},
    {"readout.event_timeout = 0", "must be 1 us .. 1 h"},
    {"readout.event_timeout = '0.000001 s'", NULL},
    {"readout.event_timeout = '60min'", NULL},
    {"readout.max_message = '4 parsecs'", "must be a size"},
    {"trigger.max_accept_rate = '5 s'", "must be a rate"},
    {"trigger.max_accept_rate = 0", NULL},
    /* numbers */
    {"readout.event_slots = 65536", NULL},
    {"readout.event_slots = 65537", "must be 1 .. 65536"},
    {"trigger.seed = 9223372036854775807", NULL},
    {"trigger.rule = [{name = 'a', label = 'b', threshold = 'high'}]", "must be a number"},
    {"trigger.rule = [{name = 'a', label = 'b', threshold = 1e13}]", "must be -1e12 .. 1e12"},
    {"trigger.rule = [{name = 'a', label = 'b', threshold = -0.0}]", NULL},
    {"trigger.rule = [{name = 'a', label = 'b', threshold = 1}]", NULL},
    /* addresses */
    {"service.http = ':80'", "must be host:port"},
    {"service.http = 'host:'", "must be host:port"},
    {"service.http = 'host:*'", "must be host:port"},
    {"service.http = 'host:65536'", "must be host:port"},
    {"service.http = 'host:123456'", "must be host:port"},
    {"service.http = 'host:8o'", "must be host:port"},
    {"service.http = 'host:65535'", NULL},
    {"service.http = ''", NULL},
    {"service.http = 80", "must be a text in quotes"},
    {"output.decisions = ['@tcp://127.0.0.1:*']", NULL},
    {"output.decisions = ['>tcp://127.0.0.1:1']", NULL},
    {"output.decisions = ['@ipc://']", "must be ZeroMQ endpoints"},
    {"output.decisions = ['@inproc://']", "must be ZeroMQ endpoints"},
    {"output.decisions = ['@inproc://x']", NULL},
    {"output.decisions = ['@tcp://host']", "must be ZeroMQ endpoints"},
    {"output.decisions = [7]", "must be a text in quotes"},
    {"output.decisions = '@tcp://*:1'", "in [ ]"},
    {"output.decisions = []", NULL},
    /* texts and names */
    {"detector.name = \"a\\u007fb\"", "holds a control character"},
    {"detector.name = 3.5", "must be a text in quotes"},
    {"detector.name = 1979-05-27", "must be a text in quotes"},
    {"detector.name = {a = 1}", "detector.name"},
    {"readout.pattern = \"sub\\u0000\"", "must be sub | pull"},
    {"readout.pattern = 'su'", "must be sub | pull"},
    {"readout.pattern = ['sub']", "must be sub | pull"},
    {"output.record.contents = [1]", "must be a list of decision | windows | samples"},
    {"output.record.contents = []", "must not be empty"},
    /* lists of planes */
    {"engine.model = [{file = 'm', planes = [-1]}]", "must be a list of ids"},
    {"engine.model = [{file = 'm', planes = [4294967296]}]", "must be a list of ids"},
    {"engine.model = [{file = 'm', planes = ['0']}]", "must be a list of ids"},
    {"engine.model = [{file = 'm', planes = [[0]]}]", "must be a list of ids"},
    {"engine.model = [{file = 'm', planes = 'all'}]", "in [ ]"},
    {"engine.model = [{file = 'm', planes = [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,"
     "21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,"
     "51,52,53,54,55,56,57,58,59,60,61,62,63,64]}]",
     "items"},
};

/* What a tier has no stage for must not be asked of it, and what another asks for must be there. */
static const struct {
    const char *text, *says;
} tiers[] = {
    {"service.stages = 'imaging'\noutput.record.directory = '/tmp'\n",
     "output.record.directory with service.stages = \"imaging\""},
    {"service.stages = 'imaging'\nengine.kind = 'fpga'\n", "engine.kind with"},
    {"service.stages = 'imaging'\nengine.shadow.file = 'x.h5'\n", "engine.shadow.file with"},
    {"service.stages = 'decision'\noutput.record.directory = '/tmp'\n"
     "output.record.contents = ['samples']\n",
     "output.record.contents with service.stages = \"decision\""},
    {"service.stages = 'decision'\nimaging.hot.events = 5\n", "imaging.hot.events with"},
    {"service.stages = 'decision'\noutput.record.directory = '/tmp'\n", NULL},
    {"readout.kind = 'kafka'\n", "readout.kafka.brokers must be given"},
    {"output.kafka.metrics_topic = 'm'\n", "output.kafka.brokers must be given"},
    {"imaging.hot.release = 50\n", "imaging.hot.release = 50 is above imaging.hot.hits = 30"},
};

static bool load(const char *text, struct error *err)
{
    static struct settings loaded;
    memset(err, 0, sizeof *err);
    return config_load_text("t.toml", text, strlen(text), NULL, 0, &loaded, err);
}

static void values_at_the_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        struct error err;
        const char *line = rows[i].line;
        /* A key that the least configuration has is given once. */
        const char *rest = strncmp(line, "engine.model", 12) == 0
                               ? "readout.endpoints = ['tcp://127.1:1']\n"
                               : LEAST;
        (void)snprintf(text, sizeof text, "%s\n%s", line, rest);
        bool taken = load(text, &err);
        if (rows[i].says == NULL && !taken)
            fail_msg("%s was refused: %s", line, err.text);
        if (rows[i].says != NULL && (taken || strstr(err.text, rows[i].says) == NULL ||
                                     strncmp(err.text, "t.toml:1: ", 10) != 0))
            fail_msg("%s should have been refused with \"%s\": %s", line, rows[i].says,
                     taken ? "taken" : err.text);
    }
}

static void tiers_are_asked_for_what_they_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        char text[1024];
        struct error err;
        (void)snprintf(text, sizeof text, "%s" LEAST, tiers[i].text);
        bool taken = load(text, &err);
        if (taken != (tiers[i].says == NULL) || (!taken && !strstr(err.text, tiers[i].says)))
            fail_msg("%s: %s", tiers[i].text, taken ? "taken" : err.text);
    }
}

/* On the command line a list of one may be written without brackets, and a word without quotes. */
static void values_of_the_command_line(void **state)
{
    static const char *const taken[] = {"output.decisions=@tcp://127.0.0.1:1", "detector.name=a b",
                                        "readout.topics=a", "output.record.contents=samples"};
    static const char *const refused[] = {"",
                                          "=",
                                          "detector.name",
                                          "detector.name=a\nb",
                                          "engine.model[1000].file=x",
                                          "engine.model[0.file=x",
                                          "nothing.here=1",
                                          "readout.event_slots="};
    static struct settings loaded;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        memset(&err, 0, sizeof err);
        if (!config_load_text("t", LEAST, strlen(LEAST), &taken[i], 1, &loaded, &err))
            fail_msg("--set %s: %s", taken[i], err.text);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        memset(&err, 0, sizeof err);
        if (config_load_text("t", LEAST, strlen(LEAST), &refused[i], 1, &loaded, &err))
            fail_msg("--set %s was taken", refused[i]);
        assert_non_null(strstr(err.text, "--set "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_at_the_edges),
                                       cmocka_unit_test(tiers_are_asked_for_what_they_do),
                                       cmocka_unit_test(values_of_the_command_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
