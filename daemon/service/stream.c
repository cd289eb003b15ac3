/* How: one lock for all. libmicrohttpd asks a response for bytes (read_some) in its own
 * thread; where there are none the connection is suspended under the lock, so that the
 * push that brings the next ones cannot fall between the look and the sleep.
 */
#include "service/stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { BLOCK_BYTES = 8 * 1024 };

/* Bytes as they go out; freed when nobody holds it. */
struct frame {
    uint32_t holders;
    uint64_t number;
    size_t bytes;
    char text[];
};

struct listener {
    struct stream *stream;
    struct MHD_Connection *connection;
    struct frame *frame; /* NULL: none, all is sent */
    size_t sent;
    uint64_t seen; /* number of the last frame */
    bool asleep;
};

struct stream {
    pthread_mutex_t lock;
    struct listener *listener[STREAM_LIMIT]; /* NULL: free */
    struct frame *newest;
    uint64_t frames;
    bool ending;
};

struct stream *stream_create(void)
{
    struct stream *s = calloc(1, sizeof *s);
    if (s != NULL)
        (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void let_go(struct frame **f)
{
    if (*f != NULL && --(*f)->holders == 0)
        free(*f);
    *f = NULL;
}

/* Frees `json`. Held once, by the caller. */
static struct frame *make_frame(uint64_t number, char *json, size_t bytes)
{
    static const char form[] = "retry: 1000\nid: %" PRIu64 "\nevent: status\ndata: ";
    struct frame *f = json != NULL ? malloc(sizeof *f + sizeof form + 24 + bytes + 2) : NULL;
    if (f != NULL) {
        int head = snprintf(f->text, sizeof form + 24, form, number);
        memcpy(f->text + head, json, bytes);
        f->bytes = (size_t)head + bytes;
        f->text[f->bytes++] = '\n';
        f->text[f->bytes++] = '\n'; /* an empty line ends an event */
        f->holders = 1;
        f->number = number;
    }
    free(json);
    return f;
}

static void wake(struct stream *s)
{
    for (int i = 0; i < STREAM_LIMIT; i++) {
        struct listener *l = s->listener[i];
        if (l != NULL && l->asleep) {
            l->asleep = false;
            MHD_resume_connection(l->connection);
        }
    }
}

bool stream_wanted(struct stream *s)
{
    bool wanted = false;
    (void)pthread_mutex_lock(&s->lock);
    for (int i = 0; i < STREAM_LIMIT; i++)
        wanted = wanted || s->listener[i] != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    return wanted;
}

void stream_push(struct stream *s, char *json, size_t bytes)
{
    (void)pthread_mutex_lock(&s->lock);
    struct frame *f = make_frame(s->frames + 1, json, bytes);
    if (f != NULL) {
        s->frames++;
        let_go(&s->newest);
        s->newest = f;
        wake(s);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* The next frame for a listener, or NULL. */
static struct frame *next_frame(struct listener *l)
{
    struct frame *f = l->stream->newest;
    if (f == NULL || f->number <= l->seen)
        return NULL;
    f->holders++;
    return f;
}

static ssize_t read_some(void *self, uint64_t position, char *to, size_t room)
{
    struct listener *l = self;
    struct stream *s = l->stream;
    ssize_t n = 0;
    (void)position;
    (void)pthread_mutex_lock(&s->lock);
    if (l->frame == NULL) {
        l->frame = next_frame(l);
        l->sent = 0;
    }
    if (s->ending) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (l->frame == NULL) {
        l->asleep = true;
        MHD_suspend_connection(l->connection);
    } else {
        size_t left = l->frame->bytes - l->sent, take = left < room ? left : room;
        memcpy(to, l->frame->text + l->sent, take);
        l->sent += take;
        l->seen = l->frame->number;
        if (l->sent == l->frame->bytes)
            let_go(&l->frame);
        n = (ssize_t)take;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

/* The connection is over, or there is no response after all. */
static void forget(void *self)
{
    struct listener *l = self;
    struct stream *s = l->stream;
    (void)pthread_mutex_lock(&s->lock);
    for (int i = 0; i < STREAM_LIMIT; i++) {
        if (s->listener[i] == l)
            s->listener[i] = NULL;
    }
    let_go(&l->frame);
    (void)pthread_mutex_unlock(&s->lock);
    free(l);
}

struct MHD_Response *stream_open(struct stream *s, struct MHD_Connection *c, char *json,
                                 size_t bytes)
{
    struct listener *l = calloc(1, sizeof *l);
    bool there = false;
    if (l == NULL) {
        free(json);
        return NULL;
    }
    *l = (struct listener){.stream = s, .connection = c};
    (void)pthread_mutex_lock(&s->lock);
    l->seen = s->frames;
    l->frame = make_frame(s->frames, json, bytes);
    for (int i = 0; i < STREAM_LIMIT && !there && !s->ending; i++) {
        there = s->listener[i] == NULL;
        if (there)
            s->listener[i] = l;
    }
    (void)pthread_mutex_unlock(&s->lock);
    struct MHD_Response *response =
        there
            ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_some, l, forget)
            : NULL;
    if (response == NULL)
        forget(l);
    return response;
}

void stream_end(struct stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    wake(s);
    (void)pthread_mutex_unlock(&s->lock);
}

void stream_destroy(struct stream **stream)
{
    struct stream *s = *stream;
    if (s == NULL)
        return;
    let_go(&s->newest);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    *stream = NULL;
}
