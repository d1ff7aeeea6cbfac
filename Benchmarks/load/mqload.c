// mqload: MQTT load for measuring a gateway or a broker from outside, with nothing of theirs in it. One thread, epoll, OpenSSL.
// Loopback addresses only. Prints one line of JSON; exit code 0, 1 when a connection failed or was refused, 2 wrong usage.
//
//   cc -O2 -o mqload mqload.c -lssl -lcrypto
//   mqload --mode churn|idle|pub|storm --port PORT [--tls [--tls12] [--resume]] [--pid SERVER]... [option]...
//
//   churn  --n N --c C              N connections, C at a time: TCP, TLS, CONNECT, CONNACK, DISCONNECT, close
//   idle   --n N --secs T           opens N connections and holds them: memory of the server per connection
//   storm  --n N                    opens N connections, drops them all, and has them all come back at once; who is turned
//                                   away tries again within a second. With --resume they take up their TLS sessions
//   pub    --c C --secs T --qos Q --window W --size BYTES
//                                   opens C connections, then publishes: QoS 1 with W messages under way on each (at most
//                                   64), QoS 0 as fast as the sockets take them, W at a time
//
// --pid is a server whose CPU time and private memory are read; with several they are added.
//
// Who connects. Number I of a connection counts from --base (default 0); in a template %d is I, %06d is I in six digits:
//   --pk PK --dk TEMPLATE --ds SECRET     a device that signs, as Wire.md in the gateway's catalogue says
//   --cid, --user, --pass TEMPLATE        anything else; in a password %H is the hex HMAC-SHA256 of the client id under --secret
//   --topic TEMPLATE                      what it publishes to; %P is the PK, %D the DK
//   --version 4|5 --keepalive SECONDS --host ADDRESS --sources N (of 127.0.0.2 and on, default 8)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

typedef enum { FREE, TCP, TLS, WAIT_CONNACK, UP } State;
typedef struct {
    int fd;
    State st;
    SSL *ssl;
    int idx;
    double t0;
    uint32_t events;
    unsigned char in[512];
    int inlen;
    unsigned char *out;
    int outlen, outoff, outcap;
    int inflight;
    uint16_t pid;
    double sent[64];
    int ring_head, ring_tail;
} Conn;

static struct {
    const char *mode, *host, *cid, *user, *pass, *topic, *secret;
    const char *pk, *dk, *ds;
    int port, tls, n, c, window, qos, version, size, resume, tls12, base, sources, keepalive;
    double secs;
    int pid[8];
    int npids;
} o = {.mode = "churn",
       .host = "127.0.0.1",
       .cid = "dev-%d",
       .topic = "up/%d",
       .port = 8883,
       .n = 1000,
       .c = 64,
       .window = 1,
       .version = 4,
       .size = 64,
       .sources = 8,
       .keepalive = 300,
       .secs = 5};

static int ep;
static SSL_CTX *ctx;
static Conn *conns;
static SSL_SESSION **sess;
static long ok, refused, failed, resumed, acked, sent_msgs, recv_msgs, codes[256];
static float *lat;
static long nlat, caplat;
static void note(double s) {
    if (nlat == caplat) {
        caplat = caplat ? caplat * 2 : 1 << 16;
        lat = realloc(lat, caplat * sizeof *lat);
    }
    lat[nlat++] = (float)s;
}
static int cmpf(const void *a, const void *b) {
    float x = *(float *)a, y = *(float *)b;
    return (x > y) - (x < y);
}
static double pct(double p) {
    if (!nlat) return 0;
    long i = (long)(p / 100 * nlat);
    if (i >= nlat) i = nlat - 1;
    return lat[i] * 1e3;
}

// CPU time of all threads of a process, user and system, seconds. The clock counts nanoseconds; /proc/PID/stat hundredths.
static double cpu_of(int pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
    return t.tv_sec + t.tv_nsec * 1e-9;
}
static double cpus(void) {
    double t = 0;
    for (int i = 0; i < o.npids; i++)
        t += cpu_of(o.pid[i]);
    return t;
}
static long rss_kb(void) {
    long t = 0;
    for (int i = 0; i < o.npids; i++) {
        char p[64], l[256];
        snprintf(p, sizeof p, "/proc/%d/status", o.pid[i]);
        FILE *f = fopen(p, "r");
        if (!f) continue;
        while (fgets(l, sizeof l, f)) {
            long v;
            if (sscanf(l, "RssAnon: %ld", &v) == 1) t += v;
        }
        fclose(f);
    }
    return t;
}
// The kernel's memory for the TCP sockets of the whole machine.
static long slab_sock_kb(void) {
    FILE *f = fopen("/proc/net/sockstat", "r");
    char l[256];
    long v = 0;
    if (!f) return 0;
    while (fgets(l, sizeof l, f)) {
        char *m = strstr(l, "mem ");
        if (!strncmp(l, "TCP:", 4) && m) v = atol(m + 4) * 4;
    }
    fclose(f);
    return v;
}

static void want(Conn *c, uint32_t ev) {
    if (c->events == ev) return;
    struct epoll_event e = {.events = ev, .data.ptr = c};
    epoll_ctl(ep, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
    c->events = ev;
}
static int put(unsigned char *p, const char *s, int n) {
    p[0] = n >> 8;
    p[1] = n & 255;
    memcpy(p + 2, s, n);
    return n + 2;
}
static int varint(unsigned char *p, int v) {
    int k = 0;
    do {
        p[k] = v & 127;
        v >>= 7;
        if (v) p[k] |= 128;
        k++;
    } while (v);
    return k;
}

// %d -> the device's number; %H (in the password) -> hex HMAC-SHA256(secret, client id)
static int expand(char *dst, int cap, const char *t, int i, const char *cid) {
    int k = 0;
    for (; *t && k < cap - 70; t++) {
        if (t[0] == '%' && t[1] == 'd') {
            k += snprintf(dst + k, cap - k, "%d", i);
            t++;
        } else if (t[0] == '%' && t[1] == '0' && t[2] >= '1' && t[2] <= '9' && t[3] == 'd') {
            char f[8];
            snprintf(f, sizeof f, "%%0%cd", t[2]);
            k += snprintf(dst + k, cap - k, f, i);
            t += 3;
        } else if (t[0] == '%' && t[1] == 'P' && o.pk) {
            k += snprintf(dst + k, cap - k, "%s", o.pk);
            t++;
        } else if (t[0] == '%' && t[1] == 'D' && o.dk) {
            k += expand(dst + k, cap - k, o.dk, i, cid);
            t++;
        } else if (t[0] == '%' && t[1] == 'H' && o.secret) {
            unsigned char m[32];
            unsigned ml = 32;
            HMAC(EVP_sha256(), o.secret, strlen(o.secret), (unsigned char *)cid, strlen(cid), m, &ml);
            for (unsigned j = 0; j < ml; j++)
                k += snprintf(dst + k, cap - k, "%02x", m[j]);
            t++;
        } else
            dst[k++] = *t;
    }
    dst[k] = 0;
    return k;
}
static int build_connect(unsigned char *b, int i) {
    char cid[256], u[256], pw[256], dk[128];
    int n = 0;
    unsigned char v[1024];
    int cl = expand(cid, sizeof cid, o.cid, i, "");
    if (o.pk) { // a signed device: --pk PK --dk TEMPLATE --ds SECRET
        char text[512], id[200];
        unsigned char m[32];
        unsigned ml = 32;
        expand(dk, sizeof dk, o.dk, i, "");
        snprintf(id, sizeof id, "%s.%s", o.pk, dk);
        cl = snprintf(cid, sizeof cid, "%s|securemode=%d,signmethod=hmacsha256|", id, o.tls ? 2 : 3);
        int tl = snprintf(text, sizeof text, "clientId%sdeviceName%sproductKey%s", id, dk, o.pk);
        HMAC(EVP_sha256(), o.ds, strlen(o.ds), (unsigned char *)text, tl, m, &ml);
        for (unsigned j = 0; j < ml; j++)
            sprintf(pw + 2 * j, "%02x", m[j]);
        snprintf(u, sizeof u, "%s&%s", dk, o.pk);
        n += put(v + n, "MQTT", 4);
        v[n++] = o.version;
        v[n++] = 0xC2;
        v[n++] = o.keepalive >> 8;
        v[n++] = o.keepalive & 255;
        if (o.version == 5) v[n++] = 0;
        n += put(v + n, cid, cl);
        n += put(v + n, u, strlen(u));
        n += put(v + n, pw, 64);
        int k = 0;
        b[k++] = 0x10;
        k += varint(b + k, n);
        memcpy(b + k, v, n);
        return k + n;
    }
    n += put(v + n, "MQTT", 4);
    v[n++] = o.version;
    v[n++] = 2 | (o.user ? 0x80 : 0) | (o.pass ? 0x40 : 0);
    v[n++] = o.keepalive >> 8;
    v[n++] = o.keepalive & 255;
    if (o.version == 5) v[n++] = 0;
    n += put(v + n, cid, cl);
    if (o.user) {
        int k = expand(u, sizeof u, o.user, i, cid);
        n += put(v + n, u, k);
    }
    if (o.pass) {
        int k = expand(pw, sizeof pw, o.pass, i, cid);
        n += put(v + n, pw, k);
    }
    int k = 0;
    b[k++] = 0x10;
    k += varint(b + k, n);
    memcpy(b + k, v, n);
    return k + n;
}
static int build_publish(unsigned char *b, Conn *c) {
    static unsigned char payload[65536];
    char t[256];
    unsigned char v[256];
    int n = 0;
    int tl = expand(t, sizeof t, o.topic, c->idx, "");
    n += put(v, t, tl);
    if (o.qos) {
        if (!++c->pid) c->pid = 1;
        v[n++] = c->pid >> 8;
        v[n++] = c->pid & 255;
    }
    if (o.version == 5) v[n++] = 0;
    int k = 0;
    b[k++] = 0x30 | (o.qos << 1);
    k += varint(b + k, n + o.size);
    memcpy(b + k, v, n);
    k += n;
    memcpy(b + k, payload, o.size);
    return k + o.size;
}
static void push(Conn *c, const void *p, int n) {
    if (c->outlen + n > c->outcap) {
        c->outcap = (c->outlen + n) * 2;
        c->out = realloc(c->out, c->outcap);
    }
    memcpy(c->out + c->outlen, p, n);
    c->outlen += n;
}
static int flush_out(Conn *c) { // 1 done, 0 blocked, -1 broken
    while (c->outoff < c->outlen) {
        int r;
        if (c->ssl) {
            r = SSL_write(c->ssl, c->out + c->outoff, c->outlen - c->outoff);
            if (r <= 0) {
                int e = SSL_get_error(c->ssl, r);
                ERR_clear_error();
                return (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ) ? 0 : -1;
            }
        } else {
            r = send(c->fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
            if (r < 0) return errno == EAGAIN ? 0 : -1;
        }
        c->outoff += r;
    }
    c->outlen = c->outoff = 0;
    return 1;
}
static int rd(Conn *c, void *p, int n) { // >0 bytes, 0 blocked, -1 closed
    if (c->ssl) {
        int r = SSL_read(c->ssl, p, n);
        if (r > 0) return r;
        int e = SSL_get_error(c->ssl, r);
        ERR_clear_error();
        return (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) ? 0 : -1;
    }
    int r = recv(c->fd, p, n, 0);
    if (r > 0) return r;
    return (r < 0 && errno == EAGAIN) ? 0 : -1;
}

static int next_idx, live, open_count, nagain, pongs, storming;
static Conn **again;
static void finish(Conn *c, int good) {
    if (c->st == FREE) return;
    if (good)
        ok++;
    else
        failed++;
    if (c->ssl) {
        if (o.resume && good) {
            SSL_SESSION *s = SSL_get1_session(c->ssl);
            int k = c->idx % o.c;
            if (s && SSL_SESSION_is_resumable(s)) {
                if (sess[k]) SSL_SESSION_free(sess[k]);
                sess[k] = s;
            } else if (s)
                SSL_SESSION_free(s);
        }
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    struct linger lg = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
    close(c->fd);
    c->st = FREE;
    c->events = 0;
    live--;
    free(c->out);
    c->out = NULL;
    c->outcap = c->outlen = c->outoff = 0;
    if (!strcmp(o.mode, "churn") || (storming && !good)) {
        again[nagain++] = c; // restarted from the main loop, so that no caller holds a reused slot
        c->t0 = now() + 0.1 + 0.9 * rand() / RAND_MAX;
    }
}
static void begin(Conn *c, int idx) {
    memset(c, 0, sizeof *c);
    c->idx = o.base + idx;
    c->t0 = now();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        perror("socket");
        exit(1);
    }
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in s = {.sin_family = AF_INET};
    s.sin_addr.s_addr = htonl(0x7f000002 + (c->idx % o.sources));
    setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    bind(c->fd, (void *)&s, sizeof s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(o.port)};
    inet_pton(AF_INET, o.host, &a.sin_addr);
    live++;
    c->st = TCP;
    if (connect(c->fd, (void *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
        finish(c, 0);
        return;
    }
    if (o.tls) {
        c->ssl = SSL_new(ctx);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
        SSL_SESSION *known = o.resume ? sess[c->idx % o.c] : NULL;
        if (known && (known = SSL_SESSION_dup(known))) { // a copy: OpenSSL gives up one whose handshake has failed
            SSL_set_session(c->ssl, known);
            SSL_SESSION_free(known);
        }
    }
    want(c, EPOLLOUT);
}
static double t_end;
static int stopping;
static void pump(Conn *c) { // publish as the window and the rate allow
    unsigned char b[70000];
    if (c->st != UP || stopping) return;
    if (o.qos)
        while (c->inflight < o.window) {
            int n = build_publish(b, c);
            push(c, b, n);
            c->sent[c->ring_head++ & 63] = now();
            c->inflight++;
            sent_msgs++;
        }
    else if (!c->outlen)
        for (int i = 0; i < o.window; i++) {
            int n = build_publish(b, c);
            push(c, b, n);
            sent_msgs++;
        }
    int r = flush_out(c);
    if (r < 0) {
        finish(c, 0);
        return;
    }
    want(c, EPOLLIN | ((r == 0 || !o.qos) ? EPOLLOUT : 0));
}
static void packet(Conn *c, unsigned char *p, int n, int hdr) {
    int type = p[0] >> 4;
    if (type == 2) {
        int code = p[hdr + 1];
        codes[code]++;
        note(now() - c->t0);
        if (c->ssl && SSL_session_reused(c->ssl)) resumed++;
        if (code) {
            refused++;
            finish(c, 0);
            return;
        }
        c->st = UP;
        open_count++;
        if (!strcmp(o.mode, "churn")) {
            unsigned char d[2] = {0xE0, 0};
            push(c, d, 2);
            flush_out(c);
            finish(c, 1);
            return;
        }
        want(c, EPOLLIN);
    } else if (type == 4) {
        acked++;
        note(now() - c->sent[c->ring_tail++ & 63]);
        c->inflight--;
    } else if (type == 3)
        recv_msgs++;
    else if (type == 13)
        pongs++;
    (void)n;
}
static void readable(Conn *c) {
    for (;;) {
        if (c->st == FREE) return;
        int r = rd(c, c->in + c->inlen, sizeof c->in - c->inlen);
        if (r < 0) {
            finish(c, 0);
            return;
        }
        if (!r) break;
        c->inlen += r;
        int off = 0;
        while (c->inlen - off >= 2) {
            int len = 0, sh = 0, h = 1;
            for (;;) {
                if (off + h >= c->inlen) {
                    h = -1;
                    break;
                }
                int x = c->in[off + h++];
                len |= (x & 127) << sh;
                sh += 7;
                if (!(x & 128)) break;
            }
            if (h < 0 || c->inlen - off < h + len) break;
            packet(c, c->in + off, h + len, h);
            if (c->st == FREE) return;
            off += h + len;
        }
        memmove(c->in, c->in + off, c->inlen - off);
        c->inlen -= off;
    }
    if (!strcmp(o.mode, "pub") && c->st == UP && t_end > 0) pump(c);
}
static void step(Conn *c, uint32_t ev) {
    if (c->st == TCP) {
        int e = 0;
        socklen_t l = sizeof e;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
        if (e) {
            finish(c, 0);
            return;
        }
        c->st = o.tls ? TLS : WAIT_CONNACK;
    } else if (c->st == FREE)
        return;
    if (c->st == TLS) {
        int r = SSL_do_handshake(c->ssl);
        if (r != 1) {
            int e = SSL_get_error(c->ssl, r);
            ERR_clear_error();
            if (e == SSL_ERROR_WANT_READ)
                want(c, EPOLLIN);
            else if (e == SSL_ERROR_WANT_WRITE)
                want(c, EPOLLOUT);
            else
                finish(c, 0);
            return;
        }
        c->st = WAIT_CONNACK;
        unsigned char b[1200];
        int n = build_connect(b, c->idx);
        push(c, b, n);
        if (flush_out(c) < 0) {
            finish(c, 0);
            return;
        }
        want(c, EPOLLIN);
        return;
    }
    if (c->st == WAIT_CONNACK && !o.tls && c->events == EPOLLOUT) {
        unsigned char b[1200];
        int n = build_connect(b, c->idx);
        push(c, b, n);
        if (flush_out(c) < 0) {
            finish(c, 0);
            return;
        }
        want(c, EPOLLIN);
        return;
    }
    if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    if (c->st == UP && (ev & EPOLLOUT) && t_end > 0) {
        if (stopping) {
            int r = flush_out(c);
            if (r < 0)
                finish(c, 0);
            else if (r)
                want(c, EPOLLIN);
        } else
            pump(c);
    }
}
static void loop_once(int ms) {
    static struct epoll_event ev[512];
    int k = epoll_wait(ep, ev, 512, ms);
    for (int i = 0; i < k; i++)
        step(ev[i].data.ptr, ev[i].events);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        char *a = argv[i];
#define S(name, f) else if (!strcmp(a, "--" name)) o.f = argv[++i]
#define I(name, f) else if (!strcmp(a, "--" name)) o.f = atoi(argv[++i])
        if (!strcmp(a, "--tls"))
            o.tls = 1;
        else if (!strcmp(a, "--resume"))
            o.resume = 1;
        else if (!strcmp(a, "--tls12"))
            o.tls12 = 1;
        S("mode", mode);
        S("host", host);
        S("cid", cid);
        S("user", user);
        S("pass", pass);
        S("topic", topic);
        S("secret", secret);
        S("pk", pk);
        S("dk", dk);
        S("ds", ds);
        I("port", port);
        I("n", n);
        I("c", c);
        I("window", window);
        I("qos", qos);
        I("version", version);
        I("size", size);
        I("base", base);
        I("sources", sources);
        I("keepalive", keepalive);
        else if (!strcmp(a, "--secs")) o.secs = atof(argv[++i]);
        else if (!strcmp(a, "--pid")) o.pid[o.npids++] = atoi(argv[++i]);
        else {
            fprintf(stderr, "unknown %s\n", a);
            return 2;
        }
    }
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    if (o.window > 64) o.window = 64;
    ep = epoll_create1(0);
    if (!strcmp(o.mode, "idle") || !strcmp(o.mode, "storm")) o.c = o.n;
    conns = calloc(o.c, sizeof *conns);
    sess = calloc(o.c, sizeof *sess);
    again = calloc(o.c, sizeof *again);
    if (o.tls) {
        ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        if (o.tls12) SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    }
    double c0 = cpus(), t0 = now();
    long m0 = rss_kb(), k0 = slab_sock_kb();
    if (!strcmp(o.mode, "churn")) {
        for (int i = 0; i < o.c && next_idx < o.n; i++)
            begin(&conns[i], next_idx++);
        while ((live > 0 || nagain) && now() - t0 < 300) {
            if (live > 0) loop_once(1000);
            int k = nagain;
            nagain = 0;
            for (int i = 0; i < k; i++)
                if (next_idx < o.n) begin(again[i], next_idx++);
        }
        double t = now() - t0, cpu = cpus() - c0;
        qsort(lat, nlat, sizeof *lat, cmpf);
        printf("{\"mode\":\"churn\",\"ok\":%ld,\"failed\":%ld,\"refused\":%ld,\"resumed\":%ld,\"secs\":%.3f,"
               "\"per_s\":%.0f,\"server_cpu_us_per_conn\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%."
               "2f,\"codes\":{",
               ok, failed, refused, resumed, t, ok / t, ok + refused ? cpu * 1e6 / (ok + refused) : 0, pct(50), pct(99),
               pct(100));
        int first = 1;
        for (int i = 0; i < 256; i++)
            if (codes[i]) {
                printf("%s\"%d\":%ld", first ? "" : ",", i, codes[i]);
                first = 0;
            }
        printf("}}\n");
        return failed || refused ? 1 : 0;
    }
    int target = o.c; // idle and pub: open with at most 256 handshakes under way
    int started = 0;
    double deadline = now() + 240;
    while ((open_count < target - failed) && now() < deadline) {
        while (started < target && started - open_count - failed < 256)
            begin(&conns[started], started), started++;
        loop_once(200);
    }
    double t_open = now() - t0;
    if (!strcmp(o.mode, "idle")) {
        double e = now() + o.secs;
        while (now() < e)
            loop_once(100);
        long m1 = rss_kb(), k1 = slab_sock_kb();
        printf("{\"mode\":\"idle\",\"open\":%d,\"failed\":%ld,\"open_secs\":%.2f,\"server_bytes_per_conn\":%."
               "0f,\"kernel_tcp_bytes_per_conn_both_ends\":%.0f,\"still_open\":%d}\n",
               open_count, failed, t_open, open_count ? (m1 - m0) * 1024.0 / open_count : 0,
               open_count ? (k1 - k0) * 1024.0 / open_count : 0, live);
        return failed ? 1 : 0;
    }
    if (!strcmp(o.mode, "storm")) {
        if (failed || open_count < target) {
            fprintf(stderr, "%d of %d could be opened\n", open_count, target);
            return 1;
        }
        c0 = cpus();
        for (int i = 0; i < target; i++)
            finish(&conns[i], 1);
        nlat = open_count = resumed = 0;
        storming = 1;
        t0 = now();
        for (int i = 0; i < target; i++)
            begin(&conns[i], i);
        while (open_count < target && now() - t0 < 120) {
            loop_once(20);
            int waiting = 0, count = nagain;
            for (int i = 0; i < count; i++)
                if (again[i]->t0 <= now())
                    begin(again[i], again[i]->idx - o.base);
                else
                    again[waiting++] = again[i];
            // What has failed at once stands behind those.
            memmove(again + waiting, again + count, (nagain - count) * sizeof *again);
            nagain = waiting + nagain - count;
        }
        double t = now() - t0, cpu = cpus() - c0;
        qsort(lat, nlat, sizeof *lat, cmpf);
        printf("{\"mode\":\"storm\",\"open\":%d,\"of\":%d,\"failed\":%d,\"turned_away\":%ld,\"resumed\":%ld,\"secs\":%.2f,"
               "\"server_cpu_us_per_conn\":%.1f,\"p50_ms\":%.1f,\"p99_ms\":%.1f}\n",
               open_count, target, target - open_count, failed, resumed, t, open_count ? cpu * 1e6 / open_count : 0,
               pct(50), pct(99));
        return open_count < target;
    }
    nlat = 0;
    c0 = cpus();
    t0 = now();
    t_end = t0 + o.secs;
    for (int i = 0; i < target; i++)
        if (conns[i].st == UP) pump(&conns[i]);
    while (now() < t_end)
        loop_once(50);
    stopping = 1; // a PINGREQ behind the last message: its answer says that all of them were read
    for (int i = 0; i < target; i++)
        if (conns[i].st == UP) {
            unsigned char d[2] = {0xC0, 0};
            push(&conns[i], d, 2);
            int r = flush_out(&conns[i]);
            want(&conns[i], EPOLLIN | (r == 0 ? EPOLLOUT : 0));
        }
    double drain = now() + 60;
    while (pongs < live && now() < drain)
        loop_once(50);
    double t = now() - t0, cpu = cpus() - c0;
    long n = o.qos ? acked : sent_msgs;
    qsort(lat, nlat, sizeof *lat, cmpf);
    printf("{\"mode\":\"pub\",\"qos\":%d,\"conns\":%d,\"msgs\":%ld,\"per_s\":%.0f,\"server_cpu_us_per_msg\":%"
           ".3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"failed\":%ld,\"drained\":%s}\n",
           o.qos, open_count, n, n / t, n ? cpu * 1e6 / n : 0, pct(50), pct(99), pct(100), failed,
           pongs >= live ? "true" : "false");
    return 0;
}
