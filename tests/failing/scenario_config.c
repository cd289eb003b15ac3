/* A configuration is read and printed again; keys are read. */
#include "calls.h"
#include "scenario.h"

#include "base/curve.h"
#include "config/config.h"
#include "service/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static const char *const overrides[] = {"engine.kind=cpu", "readout.topics=['a', 'b']",
                                        "trigger.rule[0].prescale=3"};
enum { OVERRIDES = sizeof overrides / sizeof *overrides };

/* What is read is what was read before; what is printed is read as the same. */
static bool load(struct error *err)
{
    static struct settings first, now;
    static const char file[] = SPARSED_SOURCE "/config/trigger.toml";
    if (!config_load(file, overrides, OVERRIDES, &now, err))
        return false;
    if (first.sha256[0] == 0 && first.sha256[1] == 0)
        first = now;
    if (memcmp(&first.sha256, &now.sha256, sizeof now.sha256) != 0)
        scenario_wrong("another configuration was read");
    if (now.trigger.rule[0].prescale != 3 || now.readout.topics.count != 2)
        scenario_wrong("an override was lost");
    return true;
}

static bool print(struct error *err)
{
    static struct settings s;
    static size_t whole;
    size_t bytes = 0;
    calls_pause(true);
    (void)config_load(SPARSED_SOURCE "/config/trigger.toml", NULL, 0, &s, err);
    calls_pause(false);
    char *text = config_effective(&s, &bytes);
    if (text == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for the configuration's text");
    whole = bytes > whole ? bytes : whole;
    if (bytes != whole || strlen(text) != bytes)
        scenario_wrong("%zu bytes of %zu were printed", bytes, whole);
    free(text);
    return true;
}

static void write_text(const char *name, mode_t mode, const char *text)
{
    FILE *to = fopen(scenario_path(name), "we");
    if (to == NULL || fputs(text, to) < 0 || fclose(to) != 0 || chmod(scenario_path(name), mode))
        scenario_wrong("the test cannot write %s", name);
}

static void write_keys(void)
{
    static bool done;
    char public_key[CURVE_TEXT_BYTES], secret_key[CURVE_TEXT_BYTES], text[256];
    if (done)
        return;
    calls_pause(true);
    (void)zmq_curve_keypair(public_key, secret_key);
    (void)snprintf(text, sizeof text, "metadata\ncurve\n    secret-key = \"%s\"\n", secret_key);
    write_text("secret", 0600, text);
    (void)snprintf(text, sizeof text, "readout %s crate 1\ncontrol %s desk\n", public_key,
                   public_key);
    write_text("clients", 0644, text);
    calls_pause(false);
    done = true;
}

static bool keys(struct error *err)
{
    char secret[CURVE_TEXT_BYTES] = "";
    write_keys();
    if (!curve_read_secret(scenario_path("secret"), "security.secret_key", secret, err))
        return false;
    if (strlen(secret) + 1 != CURVE_TEXT_BYTES)
        scenario_wrong("half a key was read");
    struct clients *c = clients_create(scenario_path("clients"), "security.clients", err);
    if (c == NULL)
        return false;
    bool good = clients_refresh(c, err);
    if (clients_count(c) != 2)
        scenario_wrong("%u of two clients are known", clients_count(c));
    clients_destroy(&c);
    return good;
}

const struct scenario config_scenarios[] = {
    {"config-load", load}, {"config-print", print}, {"keys", keys}, {0}};
