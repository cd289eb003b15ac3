/* What a reload may change and what it may not: a key that is open as a socket or laid out
 * as memory once changed in the settings alone, and everything said something else than the
 * daemon did. */
#include "config/config.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static struct settings *load(const char *const *overrides, size_t n)
{
    static const char text[] = "[readout]\nendpoints = [\"@inproc://a\"]\n"
                               "[[engine.model]]\nfile = \"a.h5\"\n"
                               "[[trigger.rule]]\nname = \"first\"\nlabel = \"x\"\n";
    struct error err = {0};
    struct settings *s = calloc(1, sizeof *s);
    if (!config_load_text("t.toml", text, sizeof text - 1, overrides, n, s, &err))
        fail_msg("%s", err.text);
    return s;
}

/* NULL: taken. Else what it says, until the next call. */
static const char *refusal(const char *const *overrides, size_t n)
{
    static struct error err;
    struct settings *now = load(NULL, 0), *wanted = load(overrides, n);
    memset(&err, 0, sizeof err);
    bool good = config_change(now, wanted, &err);
    free(now);
    free(wanted);
    return good ? NULL : err.text;
}

static void live_keys_may_change(void **state)
{
    (void)state;
    const char *const wanted[] = {"engine.model[0].file=b.h5",   "trigger.rule[0].threshold=0.75",
                                  "trigger.rule[0].prescale=10", "readout.incomplete=drop",
                                  "engine.shadow.file=c.h5",     "output.record.flush=\"2 s\""};
    assert_null(refusal(NULL, 0));
    assert_null(refusal(wanted, sizeof wanted / sizeof *wanted));
}

static void each_other_key_is_named_with_both_values(void **state)
{
    (void)state;
    const char *const wanted[] = {"readout.event_slots=32", "trigger.rule[0].name=\"second\"",
                                  "trigger.rule[0].threshold=0.75"};
    const char *said = refusal(wanted, 3);
    assert_non_null(said);
    assert_string_equal(
        said, "readout.event_slots = 64, wanted 32: cannot change while the daemon runs\n"
              "trigger.rule[0].name = \"first\", wanted \"second\": cannot change while the daemon "
              "runs");
}

/* A reload also takes back what an operator had changed by hand: it must say so. */
static void what_changes_is_told(void **state)
{
    (void)state;
    char text[256];
    const char *const overrides[] = {"engine.model[0].file=b.h5", "trigger.rule[0].threshold=0.75"};
    struct settings *now = load(overrides, 2), *wanted = load(NULL, 0);
    assert_int_equal(config_changes(now, wanted, text, sizeof text), 2);
    assert_string_equal(text, "engine.model[0].file = \"a.h5\", was \"b.h5\"\n"
                              "trigger.rule[0].threshold = 0.5, was 0.75");
    assert_int_equal(config_changes(now, wanted, text, 100), 2);
    assert_string_equal(text, "engine.model[0].file = \"a.h5\", was \"b.h5\"\nand 1 more");
    assert_int_equal(config_changes(now, now, text, sizeof text), 0);
    assert_string_equal(text, "");
    free(now);
    free(wanted);
}

static void the_number_of_elements_is_fixed(void **state)
{
    (void)state;
    const char *const wanted[] = {"trigger.rule[1].name=second", "trigger.rule[1].label=x"};
    const char *said = refusal(wanted, 2);
    assert_non_null(said);
    assert_string_equal(said, "1 [[trigger.rule]], wanted 2: cannot change while the daemon runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_keys_may_change),
        cmocka_unit_test(each_other_key_is_named_with_both_values),
        cmocka_unit_test(what_changes_is_told),
        cmocka_unit_test(the_number_of_elements_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
