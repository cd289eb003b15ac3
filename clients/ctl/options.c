/* One table of commands: its name, what it takes, how the words become a request. */
#include "ctl/options.h"
#include "common/text.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: sparsectl [OPTION]... [COMMAND [ARGUMENT]...]\n"
    "Controls the runs of a sparsed that has a control socket (service.control).\n"
    "\n"
    "Commands\n"
    "  status               state, run, ledger, health, what may be asked for now (default)\n"
    "  configure [FILE]     reads the configuration, loads the models, takes the memory.\n"
    "                       FILE is on sparsed's machine; default: the last one\n"
    "  start RUN            begins run RUN; `next`: the number after the last run's\n"
    "  pause [RUN]          stops reading; the time counts as paused\n"
    "  resume [RUN]         reads again\n"
    "  stop [RUN]           ends the run: what was taken in is decided, published and\n"
    "                       flushed, within service.stop_limit; waits for that\n"
    "  reload [FILE]        takes the keys that may change in a run from the file\n"
    "  model FILE [NAME]    replaces model NAME (default: the only one) between two events\n"
    "  shadow FILE [NAME]   scores a share of the events (--share) with a candidate in the\n"
    "                       place of model NAME as well; `shadow off` ends that\n"
    "  prescale RULE N      one in N of the events for which RULE fires passes\n"
    "  config               prints the configuration in force, as TOML\n"
    "  shutdown             ends the run, if there is one, and then sparsed\n"
    "Given a RUN, pause, resume and stop are refused unless that run is on.\n"
    "\n"
    "States: initial -configure-> configured -start-> running <-pause, resume-> paused;\n"
    "running or paused -stop-> draining, and then configured again. After error: configure.\n"
    "\n"
    "Options\n"
    "  -e, --endpoint E     sparsed's service.control; default $SPARSED_CONTROL, else\n"
    "                       tcp://127.0.0.1:5558\n"
    "      --comment TEXT   with start: kept in the run's records\n"
    "      --share X        with shadow: of the events, above 0 to 1 (default 1)\n"
    "      --json           the last answer as one line of JSON; every field of\n"
    "                       control.proto under its own name\n"
    "      --timeout S      for an answer (default 5; configure, model, reload, shadow: --wait)\n"
    "      --wait S         for the end of what takes its time (default 60); 0: not at all\n"
    "      --keys FILE      our key, a .key_secret file of sparse-keys, where sparsed asks for\n"
    "                       one\n"
    "      --server-key FILE  sparsed's public .key file, with --keys\n"
    "  -h, --help           this text\n"
    "      --version        the version\n"
    "\n"
    "Exit status\n";

static const char examples[] = "\n"
                               "Examples\n"
                               "  sparsectl configure /etc/sparsed/trigger.toml\n"
                               "  sparsectl start 1207 --comment 'first beam'\n"
                               "  sparsectl stop && sparsectl start next\n";

static void print_help(void)
{
    fputs(help, stdout);
#define X(NAME, value, text) printf("  %d  %s\n", value, text);
    CTL_EXITS(X)
#undef X
    fputs(examples, stdout);
}

static int usage(const char *what, const char *value, const char *must)
{
    fprintf(stderr, "sparsectl: %s%s: %s; --help shows how it is used\n", what, value, must);
    return CTL_BAD;
}

static bool parse_number(const char *text, uint32_t *n)
{
    uint64_t v;
    bool good = text_read_whole(text, 1, UINT32_MAX, &v);
    *n = (uint32_t)v;
    return good;
}

/* ---- commands ---- */

typedef int fill(struct options *o, char **word, int n);

static int no_words(struct options *o, char **word, int n)
{
    (void)o, (void)word, (void)n;
    return -1;
}

static int a_file(struct options *o, char **word, int n)
{
    if (n > 0)
        o->request.file = word[0];
    return -1;
}

static int a_run(struct options *o, char **word, int n)
{
    if (n > 0 && !parse_number(word[0], &o->request.run))
        return usage("RUN = ", word[0], "must be a whole number from 1");
    return -1;
}

static int a_new_run(struct options *o, char **word, int n)
{
    o->next = strcmp(word[0], "next") == 0;
    return o->next ? -1 : a_run(o, word, n);
}

static int a_model(struct options *o, char **word, int n)
{
    o->request.file = word[0];
    if (n > 1)
        o->request.name = word[1];
    return -1;
}

static int a_shadow(struct options *o, char **word, int n)
{
    if (n > 1 || strcmp(word[0], "off") != 0)
        return a_model(o, word, n);
    return -1;
}

static int a_prescale(struct options *o, char **word, int n)
{
    (void)n;
    o->request.name = word[0];
    if (!parse_number(word[1], &o->request.prescale))
        return usage("N = ", word[1], "must be a whole number from 1");
    return -1;
}

#define COMMAND(NAME) SPARSED__CONTROL_REQUEST__COMMAND__##NAME
static const struct {
    const char *name;
    Sparsed__ControlRequest__Command command;
    int least, most;   /* words after it */
    const char *lacks; /* with fewer */
    fill *words;
    bool slow; /* it is answered when it is done */
} commands[] = {
    {"status", COMMAND(STATUS), 0, 0, "", no_words, false},
    {"configure", COMMAND(CONFIGURE), 0, 1, "", a_file, true},
    {"start", COMMAND(START), 1, 1, "which run? a number, or `next`", a_new_run, false},
    {"pause", COMMAND(PAUSE), 0, 1, "", a_run, false},
    {"resume", COMMAND(RESUME), 0, 1, "", a_run, false},
    {"stop", COMMAND(STOP), 0, 1, "", a_run, false},
    {"reload", COMMAND(RELOAD), 0, 1, "", a_file, true},
    {"model", COMMAND(MODEL), 1, 2, "which FILE?", a_model, true},
    {"shadow", COMMAND(SHADOW), 1, 2, "which FILE? or `off`", a_shadow, true},
    {"prescale", COMMAND(PRESCALE), 2, 2, "which RULE, and one in how many?", a_prescale, false},
    {"config", COMMAND(CONFIG), 0, 0, "", no_words, false},
    {"shutdown", COMMAND(SHUTDOWN), 0, 0, "", no_words, false},
};

static int read_command(struct options *o, char **word, int n, bool timeout_given)
{
    const char *name = n > 0 ? word[0] : "status";
    int after = n > 0 ? n - 1 : 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (after > commands[i].most)
            return usage(name, "", "too many words after it");
        if (after < commands[i].least)
            return usage(name, "", commands[i].lacks);
        o->request.command = commands[i].command;
        if (commands[i].slow && !timeout_given && o->wait_s > o->timeout_s)
            o->timeout_s = o->wait_s;
        return commands[i].words(o, word + 1, after);
    }
    return usage("", name, "no such command");
}

/* ---- options ---- */

/* user@host, for the daemon's log. */
static void name_operator(struct options *o)
{
    char host[32] = "?";
    const struct passwd *user = getpwuid(geteuid());
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(o->operator_name, sizeof o->operator_name, "%.24s@%.31s",
                   user != NULL ? user->pw_name : "?", host);
    o->request.operator_name = o->operator_name;
}

enum { JSON = 256, COMMENT, SHARE, TIMEOUT, WAIT, KEYS, SERVER_KEY, VERSION };

static int read_option(struct options *o, int c)
{
    switch (c) {
    case 'e':
        o->endpoint = optarg;
        return -1;
    case JSON:
        o->json = true;
        return -1;
    case COMMENT:
        o->request.comment = optarg;
        return -1;
    case SHARE:
        return text_read_real(optarg, 1e-9, 1, &o->request.share)
                   ? -1
                   : usage("--share = ", optarg, "must be above 0, at most 1");
    case TIMEOUT:
        return text_read_real(optarg, 0.001, 86400, &o->timeout_s)
                   ? -1
                   : usage("--timeout = ", optarg, "must be seconds above 0");
    case WAIT:
        return text_read_real(optarg, 0, 86400, &o->wait_s)
                   ? -1
                   : usage("--wait = ", optarg, "must be seconds from 0");
    case KEYS:
        o->keys.own = optarg;
        return -1;
    case SERVER_KEY:
        o->keys.server = optarg;
        return -1;
    case 'h':
        print_help();
        return CTL_DONE;
    case VERSION:
        puts("sparsectl " SPARSED_VERSION);
        return CTL_DONE;
    default:
        return CTL_BAD; /* getopt_long said why */
    }
}

int options_read(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {{"endpoint", required_argument, NULL, 'e'},
                                          {"json", no_argument, NULL, JSON},
                                          {"comment", required_argument, NULL, COMMENT},
                                          {"share", required_argument, NULL, SHARE},
                                          {"timeout", required_argument, NULL, TIMEOUT},
                                          {"wait", required_argument, NULL, WAIT},
                                          {"keys", required_argument, NULL, KEYS},
                                          {"server-key", required_argument, NULL, SERVER_KEY},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, VERSION},
                                          {0}};
    const char *given = getenv("SPARSED_CONTROL");
    bool timeout_given = false;
    int c;
    *o = (struct options){.timeout_s = 5, .wait_s = 60};
    sparsed__control_request__init(&o->request);
    o->request.schema_version = 1;
    o->request.share = 1;
    o->endpoint = given != NULL && given[0] != '\0' ? given : "tcp://127.0.0.1:5558";
    while ((c = getopt_long(argc, argv, "e:h", table, NULL)) != -1) {
        int status = read_option(o, c);
        timeout_given |= c == TIMEOUT;
        if (status >= 0)
            return status;
    }
    name_operator(o);
    int status = read_command(o, argv + optind, argc - optind, timeout_given);
    if (status < 0 && o->request.comment[0] != '\0' && o->request.command != COMMAND(START))
        return usage("--comment", "", "goes with start only");
    return status;
}
