/* A thread's own slice, read back from the system. What it is good for cannot be tested without
 * a clock (docs/operations.md has the figures); that it is asked for, can: without it whoever
 * works on the daemon's processors, at whatever nice value, costs an event a millisecond and more
 * at each of the four threads of its way. */
#include "base/slice.h"
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

enum { NICE = 7 };

struct seen {
    uint64_t before_ns, after_ns;
    int policy, nice;
};

static void note(struct seen *s)
{
    s->after_ns = slice_ns();
    s->policy = sched_getscheduler(0);
    s->nice = getpriority(PRIO_PROCESS, 0);
}

static void *look(void *arg)
{
    note(arg);
    return NULL;
}

static void in_thread(void *(*body)(void *), struct seen *s)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, body, s), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void skip_without_slices(void)
{
    if (slice_ns() != 0)
        return;
    (void)printf("SKIPPED: this Linux has no slice for each thread (6.12 has)\n");
    skip();
}

static void *shorten(void *arg)
{
    struct seen *s = arg;
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* Linux: of this thread alone */
    s->before_ns = slice_ns();
    slice_shorten();
    note(s);
    return NULL;
}

/* The threads of an event's way ask for themselves: the page, the recorder and who else is
 * in the process must not come with them, or nothing is gained over them. */
static void it_is_the_thread_s_own(void **state)
{
    (void)state;
    skip_without_slices();
    struct seen s, other;
    uint64_t mine = slice_ns();
    in_thread(shorten, &s);
    assert_int_equal(s.after_ns, SLICE_SHORT_NS);
    assert_true(s.before_ns > SLICE_SHORT_NS);
    assert_int_equal(slice_ns(), mine);
    in_thread(look, &other);
    assert_int_equal(other.after_ns, mine);
}

/* Who started the daemon with nice, or as SCHED_BATCH, keeps that. */
static void nice_and_policy_stay(void **state)
{
    (void)state;
    struct seen s;
    in_thread(shorten, &s);
    assert_int_equal(s.nice, NICE);
    assert_int_equal(s.policy, SCHED_OTHER);
}

static void *shorten_batch(void *arg)
{
    const struct sched_param zero = {0};
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &zero), 0);
    return shorten(arg);
}

static void a_batch_thread_stays_one(void **state)
{
    (void)state;
    skip_without_slices();
    struct seen s;
    in_thread(shorten_batch, &s);
    assert_int_equal(s.policy, SCHED_BATCH);
    assert_int_equal(s.after_ns, SLICE_SHORT_NS);
}

static void *shorten_real_time(void *arg)
{
    const struct sched_param least = {.sched_priority = 1};
    struct seen *s = arg;
    s->policy = -1;
    if (sched_setscheduler(0, SCHED_FIFO, &least) != 0)
        return NULL;
    slice_shorten();
    note(s);
    return NULL;
}

/* chrt before the daemon's name is an operator's word: a slice would have made it ordinary. */
static void a_real_time_thread_stays_one(void **state)
{
    (void)state;
    struct seen s;
    in_thread(shorten_real_time, &s);
    if (s.policy == -1) {
        (void)printf("SKIPPED: not allowed to make a real-time thread\n");
        skip();
    }
    assert_int_equal(s.policy, SCHED_FIFO);
    assert_int_equal(s.after_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_thread_s_own),
        cmocka_unit_test(nice_and_policy_stay),
        cmocka_unit_test(a_batch_thread_stays_one),
        cmocka_unit_test(a_real_time_thread_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
