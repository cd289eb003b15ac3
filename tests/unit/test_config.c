/* The configuration: every kind of key, right and wrong, and the files we ship. */
#include "base/log.h"
#include "config/config.h"
#include "config/settings_table.h"
#include "config/sparsed_toml.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

/* What every configuration must say: a line each. */
#define LEAST "readout.endpoints = ['tcp://127.1:1']\nengine.model = [{file = 'm.h5'}]\n"

static struct settings loaded;
static struct error failure;

static bool load_with(const char *text, const char *const *overrides, size_t n)
{
    memset(&failure, 0, sizeof failure);
    return config_load_text("t.toml", text, strlen(text), overrides, n, &loaded, &failure);
}

static void takes(const char *text)
{
    if (!load_with(text, NULL, 0))
        fail_msg("refused: %s", failure.text);
}

static void refuses(const char *text, const char *sentence)
{
    assert_false(load_with(text, NULL, 0));
    assert_int_equal(failure.code, ERROR_CONFIG);
    assert_string_equal(failure.text, sentence);
}

static void takes_set(const char *override)
{
    if (!load_with(LEAST, &override, 1))
        fail_msg("refused: %s", failure.text);
}

static void refuses_set(const char *override, const char *sentence)
{
    assert_false(load_with(LEAST, &override, 1));
    assert_string_equal(failure.text, sentence);
}

/* In the sources. */
static void source_path(const char *name, char *path, size_t bytes)
{
    (void)snprintf(path, bytes, "%s/%s", SPARSED_SOURCE, name);
}

static char *print_to_text(void (*print)(FILE *))
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *effective(const struct settings *s)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    config_print_effective(s, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *read_source(const char *name)
{
    char path[1024];
    source_path(name, path, sizeof path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("%s is not there", path);
    char *text = calloc(1, CONFIG_MAX_BYTES);
    assert_non_null(text);
    assert_true(fread(text, 1, CONFIG_MAX_BYTES - 1, file) > 0);
    (void)fclose(file);
    return text;
}

/* A setting was added and the page about settings was not: its readers would
 * never learn of it. */
static void the_documentation_is_what_the_table_says(void **state)
{
    (void)state;
    char *made = print_to_text(config_markdown), *kept = read_source("docs/configuration.md");
    assert_string_equal(kept, made);
    free(made);
    free(kept);
}

/* A shipped example that its own daemon refuses is the first thing a new user sees. */
static void shipped_files_load(void **state)
{
    (void)state;
    static const char *const name[] = {"config/trigger.toml", "config/demo.toml",
                                       "config/images.toml"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        char path[1024];
        source_path(name[i], path, sizeof path);
        if (!config_load(path, NULL, 0, &loaded, &failure))
            fail_msg("%s", failure.text);
    }
    assert_int_equal(loaded.detector.n_planes, 0);
    assert_int_equal(loaded.trigger.n_rules, 2);
}

static bool mark_key(void *context, const char *key, const struct toml_value *v)
{
    bool *seen = context;
    char pattern[200] = "";
    (void)v;
    for (size_t n = 0; *key != 0 && n + 1 < sizeof pattern; key++)
        if (*key < '0' || *key > '9')
            pattern[n++] = *key;
    int i = settings_find(pattern);
    if (i >= 0)
        seen[i] = true;
    return true;
}

/* trigger.toml promises every key. */
static void trigger_toml_has_every_key(void **state)
{
    (void)state;
    bool seen[SETTINGS_COUNT] = {false};
    char problem[200], *text = read_source("config/trigger.toml");
    uint32_t line;
    assert_true(
        sparsed_toml_read(text, strlen(text), mark_key, seen, problem, sizeof problem, &line));
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (!seen[i])
            fail_msg("config/trigger.toml lacks %s", settings_table[i].key);
    free(text);
}

/* --print-config is where people start from: it must load as soon as what must
 * be given is given, and mean the defaults. */
static void the_printed_configuration_loads(void **state)
{
    (void)state;
    const char *set[] = {"readout.endpoints=tcp://127.1:1", "engine.model[0].file=m.h5"};
    char *text = print_to_text(config_print);
    if (!load_with(text, set, 2))
        fail_msg("%s", failure.text);
    uint8_t printed[32];
    memcpy(printed, loaded.sha256, sizeof printed);
    takes(LEAST);
    assert_memory_equal(printed, loaded.sha256, sizeof printed);
    free(text);
}

/* The hash of a decision's configuration would mean nothing if writing the same
 * settings down in another way changed it, or if different ones shared it. */
static void effective_values_load_to_the_same_settings(void **state)
{
    (void)state;
    static struct settings first;
    char path[1024];
    const char *set[] = {"detector.name=a \"b\\c\"", "trigger.max_accept_rate=0.25 Hz",
                         "trigger.rule[0].threshold=0.1", "trigger.rule[0].planes=[0, 2]",
                         "output.record.contents=[\"samples\"]"};
    source_path("config/trigger.toml", path, sizeof path);
    if (!config_load(path, set, 5, &first, &failure))
        fail_msg("%s", failure.text);
    char *text = effective(&first);
    takes(text);
    assert_memory_equal(&loaded, &first, sizeof first);
    assert_string_equal(loaded.detector.name, "a \"b\\c\"");
    set[2] = "trigger.rule[0].threshold=0.10000000000000002";
    assert_true(config_load(path, set, 5, &loaded, &failure));
    assert_memory_not_equal(loaded.sha256, first.sha256, sizeof first.sha256);
    free(text);
}

static void defaults_are_the_tables(void **state)
{
    (void)state;
    takes(LEAST);
    assert_int_equal(loaded.readout.pattern, READOUT_SUB);
    assert_int_equal(loaded.readout.event_timeout_ns, 20000000);
    assert_int_equal(loaded.readout.max_message_bytes, 128 << 20);
    assert_int_equal(loaded.readout.topics.count, 1);
    assert_int_equal(loaded.output.record.contents, RECORD_DECISION | RECORD_WINDOWS);
    assert_string_equal(loaded.engine.kernel, "auto");
    assert_int_equal(loaded.service.log_level, LOG_LEVEL_INFO);
    assert_int_equal(loaded.engine.model[0].planes.count, 0);
}

/* Names in the table stand in the order of the enumerations. */
static void names_mean_their_values(void **state)
{
    (void)state;
    takes(
        "readout.pattern = 'pull'\nreadout.incomplete = 'drop'\nreadout.overload = 'drop-newest'\n"
        "service.log_level = 'debug'\noutput.record.contents = ['samples']\n" LEAST);
    assert_int_equal(loaded.readout.pattern, READOUT_PULL);
    assert_int_equal(loaded.readout.incomplete, INCOMPLETE_DROP);
    assert_int_equal(loaded.readout.overload, OVERLOAD_DROP_NEWEST);
    assert_int_equal(loaded.service.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(loaded.output.record.contents, RECORD_SAMPLES);
}

static void units_are_exact(void **state)
{
    (void)state;
    takes(
        "readout.event_timeout = '1.5ms'\noutput.record.rotate = {size = '0.5 GiB', time = '2 h'}\n"
        "trigger.max_accept_rate = '2.5 kHz'\nservice.stop_limit = 0\n" LEAST);
    assert_int_equal(loaded.readout.event_timeout_ns, 1500000);
    assert_int_equal(loaded.output.record.rotate_bytes, 512 << 20);
    assert_int_equal(loaded.output.record.rotate_ns, UINT64_C(7200000000000));
    assert_true(loaded.trigger.max_accept_rate == 2500.0);
    assert_int_equal(loaded.service.stop_limit_ns, 0);
}

/* A misspelt key that is ignored is a threshold nobody set. */
static void an_unknown_key_names_line_and_neighbour(void **state)
{
    (void)state;
    refuses("[trigger]\n[[trigger.rule]]\nname = 'a'\ntreshold = 0.5\n",
            "t.toml:4: unknown key trigger.rule.treshold, did you mean threshold?");
    refuses("[engine]\nworkers = 2\n",
            "t.toml:2: unknown key engine.workers, did you mean imaging.workers?");
    refuses("[radout]\npattern = 'sub'\n",
            "t.toml:1: unknown section radout, did you mean readout?");
    refuses("'detector.name' = 'x'\n",
            "t.toml:1: unknown key \"detector.name\", did you mean detector.name?");
    refuses("[service]\nbread = 1\n", "t.toml:2: unknown key service.bread");
}

static void a_wrong_value_names_line_key_and_value(void **state)
{
    (void)state;
    refuses("[readout]\n\nevent_slots = 0\n",
            "t.toml:3: readout.event_slots = 0: must be 1 .. 65536");
    refuses("readout.event_slots = 'many'\n",
            "t.toml:1: readout.event_slots = \"many\": must be a whole number");
    refuses("readout.event_slots = 1.5\n",
            "t.toml:1: readout.event_slots = 1.5: must be a whole number");
    refuses("imaging.workers = -1\n", "t.toml:1: imaging.workers = -1: must be 1 .. 256");
    refuses("readout.pattern = 'push'\n",
            "t.toml:1: readout.pattern = \"push\": must be sub | pull");
    refuses("readout.pattern = true\n", "t.toml:1: readout.pattern = true: must be sub | pull");
    refuses(
        "readout.event_timeout = '20 m'\n",
        "t.toml:1: readout.event_timeout = \"20 m\": must be a time, as \"20 ms\" (units: h, min, "
        "s, ms, us, ns)");
    refuses(
        "readout.event_timeout = 20\n",
        "t.toml:1: readout.event_timeout = 20: must be a time, as \"20 ms\" (units: h, min, s, ms, "
        "us, ns)");
    refuses("readout.event_timeout = '2 h'\n",
            "t.toml:1: readout.event_timeout = \"2 h\": must be 1 us .. 1 h");
    refuses("trigger.rule = [{threshold = nan}]\n",
            "t.toml:1: trigger.rule.threshold = nan: must be -1e12 .. 1e12");
    refuses("service.http = 'here'\n",
            "t.toml:1: service.http = \"here\": must be host:port, as \"127.0.0.1:9464\"");
    refuses("output.decisions = ['http://x:1']\n",
            "t.toml:1: output.decisions = [\"http://x:1\"]: must be ZeroMQ endpoints: "
            "tcp://host:port, ipc://path or inproc://name, with > (connect) or @ (bind) before it");
    refuses(
        "output.record.contents = ['pixels']\n",
        "t.toml:1: output.record.contents = [\"pixels\"]: must be a list of decision | windows | "
        "samples");
    refuses("engine.model = [{planes = [1, 1]}]\n",
            "t.toml:1: engine.model.planes = [...]: 1 is there twice");
    refuses("detector.name = ''\n", "t.toml:1: detector.name = \"\": must not be empty");
    refuses("detector.name = \"a\\u0000b\"\n",
            "t.toml:1: detector.name = \"a\": holds a control character");
}

static void a_text_that_does_not_fit_is_refused_not_cut(void **state)
{
    (void)state;
    char name[65], text[200];
    memset(name, 'x', 64);
    name[64] = 0;
    (void)snprintf(text, sizeof text, "detector.name = '%s'\n" LEAST, name + 1);
    takes(text);
    (void)snprintf(text, sizeof text, "detector.name = '%s'\n" LEAST, name);
    assert_false(load_with(text, NULL, 0));
    assert_non_null(strstr(failure.text, ": is longer than 63 characters"));
}

static void a_section_of_the_wrong_kind_is_refused(void **state)
{
    (void)state;
    refuses("[engine.model]\nfile = 'm'\n",
            "t.toml:1: engine.model is a list of tables: write [[engine.model]]");
    refuses("[[readout]]\n", "t.toml:1: readout is a section: write [readout]");
    refuses("readout = 3\n", "t.toml:1: readout is a section: write [readout]");
}

static void bad_toml_names_its_line(void **state)
{
    (void)state;
    assert_false(load_with("[readout]\nevent_slots = = 3\n", NULL, 0));
    assert_memory_equal(failure.text, "t.toml:2: ", 10);
    assert_false(load_with("a = 1\na = 2\n", NULL, 0));
    assert_memory_equal(failure.text, "t.toml:2: ", 10);
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    char *text = calloc(1, 10000);
    assert_non_null(text);
    strcpy(text, LEAST);
    for (int i = 0; i < SETTINGS_MAX_RULES; i++)
        (void)sprintf(text + strlen(text), "[[trigger.rule]]\nname = 'r%d'\nlabel = 'l'\n", i);
    takes(text);
    assert_int_equal(loaded.trigger.n_rules, SETTINGS_MAX_RULES);
    strcat(text, "[[trigger.rule]]\nname = 'x'\nlabel = 'l'\n");
    refuses(text, "t.toml:99: more than 32 [[trigger.rule]]");
    free(text);
}

static void what_must_be_given_is_asked_for(void **state)
{
    (void)state;
    refuses("", "t.toml: at least one [[engine.model]] must be given\n"
                "t.toml: readout.endpoints must be given");
    refuses(LEAST "[[detector.plane]]\nid = 2\n",
            "t.toml:3: detector.plane[0].wires must be given");
    assert_false(config_load(NULL, NULL, 0, &loaded, &failure));
    assert_false(config_load("/nowhere/t.toml", NULL, 0, &loaded, &failure));
    assert_string_equal(failure.text, "/nowhere/t.toml: No such file or directory");
    assert_false(config_load("/", NULL, 0, &loaded, &failure));
    assert_string_equal(failure.text, "/: Is a directory");
}

static void what_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    refuses(LEAST "detector.ticks = 10\n[[detector.plane]]\nid = 2\nwires = 5\n"
                  "[[detector.plane]]\nid = 2\nwires = 5\n",
            "t.toml:8: two [[detector.plane]] have id = 2");
    refuses(LEAST "[[detector.plane]]\nid = 2\nwires = 5\n",
            "t.toml: detector.ticks must be given and above 0 where there are planes");
    refuses(LEAST
            "[[trigger.rule]]\nname = 'a'\nlabel = 'l'\n[[trigger.rule]]\nname = 'a'\nlabel = "
            "'l'\n",
            "t.toml:7: two [[trigger.rule]] have name = \"a\"");
    refuses(
        LEAST "[[trigger.rule]]\nname = 'a'\nlabel = 'l'\nplanes = [2]\n",
        "t.toml:6: trigger.rule[0].planes names plane 2, but there is no [[detector.plane]] with "
        "id = 2");
}

/* All problems at once, in the order of the file: one start, not six. */
static void problems_come_in_the_order_of_the_file(void **state)
{
    (void)state;
    refuses(
        "[service]\nx = 1\n[detector]\nticks = -1\n",
        "t.toml:2: unknown key service.x\nt.toml:4: detector.ticks = -1: must be 0 .. 10000000");
}

static void overrides_take_bare_words_and_toml(void **state)
{
    (void)state;
    takes_set("readout.pattern=pull");
    assert_int_equal(loaded.readout.pattern, READOUT_PULL);
    takes_set(" readout.event_timeout = 5 ms ");
    assert_int_equal(loaded.readout.event_timeout_ns, 5000000);
    takes_set("detector.name=2024");
    assert_string_equal(loaded.detector.name, "2024");
    takes_set("engine.model[0].file=a=b#c.h5");
    assert_string_equal(loaded.engine.model[0].file, "a=b#c.h5");
    takes_set("engine.model[1].file=n.h5");
    assert_int_equal(loaded.engine.n_models, 2);
    takes_set("readout.endpoints=@ipc://x");
    assert_string_equal(loaded.readout.endpoints.text[0], "@ipc://x");
    takes_set("engine.model[0].planes=0");
    assert_int_equal(loaded.engine.model[0].planes.count, 1);
    takes_set("output.record.rotate={ size = \"1 GiB\", time = \"1 min\" }");
    assert_int_equal(loaded.output.record.rotate_bytes, 1 << 30);
    takes_set("service.http=");
    assert_string_equal(loaded.service.http, "");
    takes_set("engine.model=[{file = 'x'}, {file = 'y'}, {file = 'z'}]");
    assert_int_equal(loaded.engine.n_models, 3);
}

static void overrides_that_are_wrong_say_so(void **state)
{
    (void)state;
    refuses_set("readout.event_slots=0", "--set readout.event_slots=0: must be 1 .. 65536");
    refuses_set("engine.kind=gpu", "--set engine.kind=gpu: must be cpu | fpga");
    refuses_set(
        "readout.patern=pull",
        "--set readout.patern=pull: unknown key readout.patern, did you mean readout.pattern?");
    refuses_set("trigger.rule.threshold=1", "--set trigger.rule.threshold=1: unknown key "
                                            "trigger.rule.threshold, did you mean "
                                            "trigger.rule[0].threshold?");
    refuses_set("engine.model[2].file=x",
                "--set engine.model[2].file=x: there are 1 [[engine.model]], "
                "so the next one is engine.model[1]");
    refuses_set("engine.model[1].planes=[]",
                "--set engine.model[1].planes=[]: engine.model[1].file must be given");
    refuses_set("readout.pattern", "--set readout.pattern: must be KEY=VALUE");
    refuses_set("detector.ticks=1\nb=2", "--set detector.ticks=1?b=2: must be KEY=VALUE");
    refuses_set(
        "engine.model[99999999999].file=x",
        "--set engine.model[99999999999].file=x: unknown key engine.model[99999999999].file, "
        "did you mean engine.model[0].file?");
    assert_false(load_with(LEAST, (const char *const[]){"readout.topics=['a'"}, 1));
    assert_memory_equal(failure.text, "--set readout.topics=['a': ", 27);
}

/* A tree of keys is freed recursively: a key of a hundred thousand parts once ran
 * out of stack, and took the daemon with it. */
static void a_deep_key_is_refused(void **state)
{
    (void)state;
    enum { DEEPEST = 8192 };
    char *text = calloc(1, CONFIG_MAX_BYTES + 2);
    assert_non_null(text);
    for (int i = 0; i < DEEPEST; i++)
        memcpy(text + 2 * i, "a.", 2);
    strcpy(text + 2 * DEEPEST, "a=1");
    refuses(text, "t.toml:1: unknown section a");
    strcpy(text + 2 * DEEPEST, "a.a=1");
    refuses(text, "t.toml: more than 8192 dots");
    memset(text, '#', CONFIG_MAX_BYTES + 1);
    refuses(text, "t.toml: larger than 262144 bytes");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documentation_is_what_the_table_says),
        cmocka_unit_test(shipped_files_load),
        cmocka_unit_test(trigger_toml_has_every_key),
        cmocka_unit_test(the_printed_configuration_loads),
        cmocka_unit_test(effective_values_load_to_the_same_settings),
        cmocka_unit_test(defaults_are_the_tables),
        cmocka_unit_test(names_mean_their_values),
        cmocka_unit_test(units_are_exact),
        cmocka_unit_test(an_unknown_key_names_line_and_neighbour),
        cmocka_unit_test(a_wrong_value_names_line_key_and_value),
        cmocka_unit_test(a_text_that_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(a_section_of_the_wrong_kind_is_refused),
        cmocka_unit_test(bad_toml_names_its_line),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(what_must_be_given_is_asked_for),
        cmocka_unit_test(what_does_not_fit_together_is_refused),
        cmocka_unit_test(problems_come_in_the_order_of_the_file),
        cmocka_unit_test(overrides_take_bare_words_and_toml),
        cmocka_unit_test(overrides_that_are_wrong_say_so),
        cmocka_unit_test(a_deep_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
