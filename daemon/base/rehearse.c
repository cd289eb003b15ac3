#include "base/rehearse.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

/* AddressSanitizer's allocator (clang 14) is left locked in a child if another thread was in it
 * at the moment of fork, and the child then waits for ever: with it, and with threads, there is
 * no rehearsal. libc's own allocator takes care of that. */
static bool cannot_fork(void)
{
#ifdef ADDRESS_SANITIZER
    int threads = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL)
        threads++;
    if (tasks != NULL)
        (void)closedir(tasks);
    return threads > 3; /* ., .. and this one */
#else
    return false;
#endif
}

/* The status of a child that saw its body through; a sanitizer ends one with others. */
enum { DONE = 0 };

bool rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number)
{
    *signal_number = 0;
    if (cannot_fork()) {
        return true;
    }
    pid_t child = fork();
    if (child < 0) {
        return false;
    }
    if (child == 0) {
        /* Handlers and blocked signals of the parent are not for us. */
        sigset_t none;
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)signal(SIGALRM, SIG_DFL);
        (void)alarm(seconds);
        body(arg);
        _exit(DONE);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    if (WIFSIGNALED(status)) {
        *signal_number = WTERMSIG(status);
        return false;
    }
    if (WEXITSTATUS(status) != DONE) {
        *signal_number = SIGABRT;
        return false;
    }
    return true;
}
