// floor: the least that a server can do in C with epoll and OpenSSL, which the gateway is measured against. Answers CONNECT with
// CONNACK 0, PUBLISH of QoS 1 with PUBACK, PINGREQ with PINGRESP, and closes after DISCONNECT. No sessions, no checks, no counters:
// it remembers nothing but the beginning of a packet that is not complete.
//
//   cc -O2 -o floor floor.c -lssl -lcrypto
//   floor PORT TLS(0|1) [TICKETS]     loopback only; with TLS, cert.pem and key.pem are in the current directory
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
    int fd;
    SSL *ssl;
    char hs;             // the handshake is under way
    unsigned char *part; // the beginning of a packet
    int plen;
} Connection;

static int ep;
static unsigned char buf[65536], out[65536];

static void drop(Connection *c) {
    if (c->ssl) SSL_free(c->ssl);
    close(c->fd);
    free(c->part);
    free(c);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: floor PORT TLS(0|1) [TICKETS]\n");
        return 2;
    }
    int tls = atoi(argv[2]);
    int tickets = argc > 3 ? atoi(argv[3]) : 1;
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    SSL_CTX *ctx = NULL;
    if (tls) {
        ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate_file(ctx, "cert.pem", 1);
        SSL_CTX_use_PrivateKey_file(ctx, "key.pem", 1);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ctx, tickets);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
        if (!tickets) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_read_ahead(ctx, 1);
    }
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, 4);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    if (bind(ls, (void *)&a, sizeof a)) {
        perror("bind");
        return 1;
    }
    listen(ls, 4096);
    ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    struct epoll_event evs[512];
    for (;;) {
        int k = epoll_wait(ep, evs, 512, -1);
        for (int i = 0; i < k; i++) {
            Connection *c = evs[i].data.ptr;
            if (!c) { // the listener
                for (int j = 0; j < 64; j++) {
                    int fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK);
                    if (fd < 0) break;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
                    c = calloc(1, sizeof *c);
                    c->fd = fd;
                    if (tls) {
                        c->ssl = SSL_new(ctx);
                        SSL_set_fd(c->ssl, fd);
                        SSL_set_accept_state(c->ssl);
                        c->hs = 1;
                    }
                    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            if (c->hs) {
                int r = SSL_do_handshake(c->ssl);
                if (r == 1)
                    c->hs = 0;
                else {
                    int er = SSL_get_error(c->ssl, r);
                    ERR_clear_error();
                    if (er != SSL_ERROR_WANT_READ && er != SSL_ERROR_WANT_WRITE) drop(c);
                    continue;
                }
            }
            for (;;) {
                int have = c->plen;
                if (have) memcpy(buf, c->part, have);
                int r = c->ssl ? SSL_read(c->ssl, buf + have, sizeof buf - have)
                               : (int)recv(c->fd, buf + have, sizeof buf - have, 0);
                if (r <= 0) {
                    int again = c->ssl ? SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ : (r < 0 && errno == EAGAIN);
                    if (c->ssl) ERR_clear_error();
                    if (!again) drop(c);
                    break;
                }
                int n = have + r, off = 0, ol = 0;
                int dead = 0;
                while (n - off >= 2) {
                    int len = 0, sh = 0, h = 1; // the packet's length, and its header's
                    for (;;) {
                        if (off + h >= n) {
                            h = -1;
                            break;
                        }
                        int x = buf[off + h++];
                        len |= (x & 127) << sh;
                        sh += 7;
                        if (!(x & 128)) break;
                    }
                    if (h < 0 || n - off < h + len) break;
                    unsigned char *p = buf + off;
                    int t = p[0] >> 4;
                    if (ol > 60000) {
                        if (c->ssl)
                            SSL_write(c->ssl, out, ol);
                        else
                            send(c->fd, out, ol, 0);
                        ol = 0;
                    }
                    if (t == 1) { // CONNECT
                        memcpy(out + ol, "\x20\x02\0\0", 4);
                        ol += 4;
                    } else if (t == 3) { // PUBLISH
                        int q = (p[0] >> 1) & 3;
                        if (q) {
                            int tl = p[h] << 8 | p[h + 1];
                            out[ol++] = 0x40;
                            out[ol++] = 2;
                            out[ol++] = p[h + 2 + tl];
                            out[ol++] = p[h + 3 + tl];
                        }
                    } else if (t == 12) { // PINGREQ
                        out[ol++] = 0xD0;
                        out[ol++] = 0;
                    } else if (t == 14) { // DISCONNECT
                        dead = 1;
                        break;
                    }
                    off += h + len;
                }
                if (ol) {
                    if (c->ssl)
                        SSL_write(c->ssl, out, ol);
                    else
                        send(c->fd, out, ol, MSG_NOSIGNAL);
                }
                if (dead) {
                    drop(c);
                    break;
                }
                if (n > off) {
                    c->part = realloc(c->part, n - off);
                    memcpy(c->part, buf + off, n - off);
                    c->plen = n - off;
                } else if (c->plen) {
                    free(c->part);
                    c->part = NULL;
                    c->plen = 0;
                }
                if (!c->ssl && r < (int)sizeof buf - have) break;
            }
        }
    }
}
