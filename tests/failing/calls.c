/* How: each row of the table becomes a function that asks fails() and then either returns its
 * failure or goes on to the real one. A few take arguments of their own number and are written
 * out. */
#include "calls.h"

#include "base/log.h"
#include "calls_table.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>
#include <zstd.h>

bool calls_show_log, calls_rehearse;

static _Thread_local bool armed, all_after;
static _Thread_local int paused; /* how often */
static _Thread_local uint64_t calls, fails_at;
static _Thread_local const char *failed;

void calls_arm(uint64_t n, bool and_all_after)
{
    calls = 0;
    fails_at = n;
    failed = NULL;
    all_after = and_all_after;
    paused = 0;
    armed = true;
}

const char *calls_disarm(void)
{
    armed = false;
    return failed;
}

void calls_pause(bool now)
{
    paused += now ? 1 : -1;
}

static bool fails(const char *name, int why)
{
    if (!armed || paused > 0)
        return false;
    calls++;
    if (calls < fails_at || (calls > fails_at && !all_after))
        return false;
    if (failed == NULL)
        failed = name;
    if (why != 0)
        errno = why;
    return true;
}

/* -Wmissing-prototypes wants each of them twice. */
#define X(type, name, parameters, arguments, failure, why)                                         \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (fails(#name, why))                                                                     \
            return failure;                                                                        \
        return __real_##name arguments;                                                            \
    }
FAILING_CALLS(X)
#undef X

#define X(type, name, parameters, arguments, failure, why)                                         \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        type result = __real_##name arguments;                                                     \
        return fails(#name, why) ? (failure) : result;                                             \
    }
FAILING_ENDS(X)
#undef X

/* ---- arguments of any number ---- */

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list list;
    if (fails("asprintf", ENOMEM))
        return -1;
    va_start(list, format);
    int n = vasprintf(text, format, list);
    va_end(list);
    return n;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return fails("open", EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    va_list list;
    va_start(list, what);
    long value = va_arg(list, long);
    va_end(list);
    return fails("fcntl", EMFILE) ? -1 : __real_fcntl(fd, what, value);
}

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port,
                                           MHD_AcceptPolicyCallback accept, void *accept_arg,
                                           MHD_AccessHandlerCallback handle, void *handle_arg, ...);
struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port,
                                           MHD_AcceptPolicyCallback accept, void *accept_arg,
                                           MHD_AccessHandlerCallback handle, void *handle_arg, ...)
{
    va_list list;
    struct MHD_Daemon *d = NULL;
    va_start(list, handle_arg);
    if (!fails("MHD_start_daemon", EAGAIN))
        d = MHD_start_daemon_va(flags, port, accept, accept_arg, handle, handle_arg, list);
    va_end(list);
    return d;
}

/* ---- others ---- */

bool __real_rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number);
bool __wrap_rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number);
bool __wrap_rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number)
{
    if (calls_rehearse)
        return __real_rehearse(body, arg, seconds, signal_number);
    *signal_number = 0;
    return !fails("rehearse", EAGAIN);
}

/* operator new, in bad_alloc.cpp. */
bool calls_new_fails(void);
bool calls_new_fails(void)
{
    return fails("operator new", ENOMEM);
}

/* ---- the log: its lines would be thousands ---- */

static void take_line(const char *format, va_list list)
{
    if (calls_show_log) {
        (void)vfprintf(stderr, format, list);
        (void)fputc('\n', stderr);
    }
}

void __wrap_log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __wrap_log_write(enum log_level level, const char *format, ...)
{
    va_list list;
    (void)level;
    va_start(list, format);
    take_line(format, list);
    va_end(list);
}

void __wrap_log_write_limited(struct log_limit *limit, enum log_level level, const char *format,
                              ...) __attribute__((format(printf, 3, 4)));
void __wrap_log_write_limited(struct log_limit *limit, enum log_level level, const char *format,
                              ...)
{
    va_list list;
    (void)level;
    (void)limit;
    va_start(list, format);
    take_line(format, list);
    va_end(list);
}
