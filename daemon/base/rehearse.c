#include "base/rehearse.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The status of a child that saw its body through; a sanitizer ends one with others. */
enum { DONE = 0 };

bool rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal_number)
{
    *signal_number = 0;
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
