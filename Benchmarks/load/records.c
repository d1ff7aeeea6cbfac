// records: floor.c with TLS, but OpenSSL does the handshake only. Then its SSL is freed, and this file's own code seals and opens
// records: TLS 1.3 and 1.2, AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305, KeyUpdate, alerts, close_notify, renegotiation refused.
// It shows what a record layer of the gateway's own can reach.
//
//   cc -O2 -o records records.c -lssl -lcrypto
//   records PORT 1 [TICKETS] [option ...]        loopback only; cert.pem and key.pem in the current directory
//
//   keys=provider|toggle|keylog   where TLS 1.3 secrets come from (see "Three ways"); default toggle
//   suites=LIST  ciphers=LIST     TLS 1.3 suites, TLS 1.2 ciphers            groups=LIST    max=1.2
//   noticket      SSL_OP_NO_TICKET            early=N   tickets promise N bytes of early data, which is then rejected
//   clientca=FILE a client certificate is required                       verbose   a line on stderr for each hand-over and end
//
// What a connection says first decides what it gets: an MQTT CONNECT gets floor.c's broker, "GET " a page of 100,000 bytes, all else an echo.
// Echo commands, one a record: !ku (KeyUpdate), !kureq (KeyUpdate, asking for one), !pad, !empty, !big, !flip, !close.
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED // SHA256_*: the only hash without an allocation or a fetch
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

typedef unsigned char byte;
enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };
enum {
    CLOSE_NOTIFY = 0,
    UNEXPECTED_MESSAGE = 10,
    BAD_RECORD_MAC = 20,
    RECORD_OVERFLOW = 22,
    ILLEGAL_PARAMETER = 47,
    DECODE_ERROR = 50,
    PROTOCOL_VERSION = 70,
    INTERNAL_ERROR = 80,
    USER_CANCELED = 90,
    NO_RENEGOTIATION = 100
};
enum { MAX_PLAIN = 16384, HEADER = 5, TAG = 16, MAX_EMPTY = 32, MAX_WARNINGS = 5 };
typedef enum { AES128, AES256, CHACHA } Suite;
static const int key_length[] = {16, 32, 32};

// ---- growing bytes

typedef struct {
    byte *p;
    int n, cap;
} Bytes;
static byte *room(Bytes *b, int n) {
    if (b->n + n > b->cap) {
        b->cap = b->n + n;
        b->p = realloc(b->p, b->cap);
    }
    return b->p + b->n;
}
static void put(Bytes *b, const void *p, int n) {
    if (n) memcpy(room(b, n), p, n);
    b->n += n;
}
static void clear(Bytes *b) {
    free(b->p);
    memset(b, 0, sizeof *b);
}

// ---- HMAC, HKDF-Expand-Label (RFC 8446, 7.1), the PRF of TLS 1.2 (RFC 5246, 5), on OpenSSL's bare hashes

typedef union {
    SHA256_CTX a;
    SHA512_CTX b;
} Hash;
static void hash_start(Hash *h, int size) {
    if (size == 32)
        SHA256_Init(&h->a);
    else
        SHA384_Init(&h->b);
}
static void hash_add(Hash *h, int size, const void *p, size_t n) {
    if (size == 32)
        SHA256_Update(&h->a, p, n);
    else
        SHA384_Update(&h->b, p, n);
}
static void hash_end(Hash *h, int size, byte *to) {
    if (size == 32)
        SHA256_Final(to, &h->a);
    else
        SHA384_Final(to, &h->b);
}
typedef struct {
    Hash inner, outer;
    int size;
} Hmac; // keyed once, copied for each use
static void hmac_key(Hmac *m, int size, const byte *key, size_t n) {
    byte pad[128], small[48];
    int block = size == 32 ? 64 : 128;
    m->size = size;
    if ((int)n > block) {
        Hash h;
        hash_start(&h, size);
        hash_add(&h, size, key, n);
        hash_end(&h, size, small);
        key = small;
        n = size;
    }
    memset(pad, 0x36, block);
    for (size_t i = 0; i < n; i++)
        pad[i] ^= key[i];
    hash_start(&m->inner, size);
    hash_add(&m->inner, size, pad, block);
    for (int i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_start(&m->outer, size);
    hash_add(&m->outer, size, pad, block);
    OPENSSL_cleanse(pad, sizeof pad);
}
static void hmac(const Hmac *m, const void *a, size_t an, const void *b, size_t bn, byte *to) {
    Hash h = m->inner;
    byte d[48];
    hash_add(&h, m->size, a, an);
    if (bn) hash_add(&h, m->size, b, bn);
    hash_end(&h, m->size, d);
    h = m->outer;
    hash_add(&h, m->size, d, m->size);
    hash_end(&h, m->size, to);
}
static void expand_label_keyed(const Hmac *m, const char *label, size_t label_n, const byte *context, size_t context_n,
                               byte *to, size_t n) {
    byte info[160], d[48];
    size_t k = 0;
    info[k++] = n >> 8;
    info[k++] = n;
    info[k++] = 6 + label_n;
    memcpy(info + k, "tls13 ", 6);
    k += 6;
    memcpy(info + k, label, label_n);
    k += label_n;
    info[k++] = context_n;
    if (context_n) memcpy(info + k, context, context_n);
    k += context_n;
    info[k++] = 1; // T(1) is all that TLS ever takes
    hmac(m, info, k, NULL, 0, d);
    memcpy(to, d, n);
    OPENSSL_cleanse(d, sizeof d);
}
static void expand_label(int size, const byte *secret, const char *label, const byte *context, size_t context_n,
                         byte *to, size_t n) {
    Hmac m;
    hmac_key(&m, size, secret, size);
    expand_label_keyed(&m, label, strlen(label), context, context_n, to, n);
    OPENSSL_cleanse(&m, sizeof m);
}
static void tls12_prf(int size, const byte *secret, size_t secret_n, const byte *seed, size_t seed_n, byte *to,
                      size_t n) { // seed: label and all
    Hmac m;
    byte a[48], d[48];
    hmac_key(&m, size, secret, secret_n);
    hmac(&m, seed, seed_n, NULL, 0, a);
    while (n > 0) {
        size_t k = n < (size_t)size ? n : (size_t)size;
        hmac(&m, a, size, seed, seed_n, d);
        memcpy(to, d, k);
        to += k;
        n -= k;
        if (n) hmac(&m, a, size, NULL, 0, a);
    }
    OPENSSL_cleanse(&m, sizeof m);
    OPENSSL_cleanse(a, sizeof a);
    OPENSSL_cleanse(d, sizeof d);
}

// ---- one direction of a connection's records, and both

typedef struct {
    uint64_t number;      // of the next record
    byte iv[12], key[32]; // TLS 1.2 GCM: 4 bytes of iv (the salt)
    union {
        byte secret[48];
        uint64_t explicit;
    }; // TLS 1.3: for KeyUpdate. TLS 1.2 GCM, sending: the next explicit nonce
} Half;
typedef struct {
    Half in, out;
    Suite suite;
    int v13, hash, limit; // limit: the most plaintext in a record (max_fragment_length, RFC 6066)
    byte part[5];
    int part_n; // a KeyUpdate that came in pieces
    int empty, warnings, answer_update;
} Records;

static EVP_CIPHER *ciphers[3];
static EVP_CIPHER_CTX *enc[3], *dec[3];
static const Half *enc_of[3], *dec_of[3]; // whose key a context holds
static EVP_CIPHER_CTX *keyed(EVP_CIPHER_CTX **ctx, const Half **of, Suite s, const Half *h, int encrypting) {
    if (of[s] != h) {
        EVP_CipherInit_ex(ctx[s], NULL, NULL, h->key, NULL, encrypting);
        of[s] = h;
    }
    return ctx[s];
}
static void unkey(const Half *h) {
    for (int i = 0; i < 3; i++) {
        if (enc_of[i] == h) enc_of[i] = NULL;
        if (dec_of[i] == h) dec_of[i] = NULL;
    }
}
static void set_traffic(Half *h, int size, Suite s) { // key and iv from the secret, number 0
    Hmac m;
    hmac_key(&m, size, h->secret, size);
    expand_label_keyed(&m, "key", 3, NULL, 0, h->key, key_length[s]);
    expand_label_keyed(&m, "iv", 2, NULL, 0, h->iv, 12);
    h->number = 0;
    unkey(h);
}
static void next_traffic(Half *h, int size, Suite s) {
    byte next[48];
    expand_label(size, h->secret, "traffic upd", NULL, 0, next, size);
    memcpy(h->secret, next, size);
    set_traffic(h, size, s);
}
static void put64(byte *p, uint64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = v >> (56 - 8 * i);
}
static uint64_t get64(const byte *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}
static void xor_nonce(const Half *h, byte *nonce) {
    byte n[8];
    put64(n, h->number);
    memcpy(nonce, h->iv, 12);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= n[i];
}

static void seal_one(Records *r, int type, const byte *p, int n, int padding, Bytes *to) {
    int explicit = !r->v13 && r->suite != CHACHA ? 8 : 0, inner = r->v13 ? n + 1 + padding : n,
        len = explicit + inner + TAG, l;
    Half *h = &r->out;
    byte *w = room(to, HEADER + len), nonce[12], aad[13], *body = w + HEADER + explicit;
    int aad_n;
    w[0] = r->v13 ? APPLICATION_DATA : type;
    w[1] = 3;
    w[2] = 3;
    w[3] = len >> 8;
    w[4] = len;
    if (r->v13) {
        memcpy(aad, w, aad_n = HEADER);
    } else {
        put64(aad, h->number);
        aad[8] = type;
        aad[9] = 3;
        aad[10] = 3;
        aad[11] = n >> 8;
        aad[12] = n;
        aad_n = 13;
    }
    if (explicit) {
        memcpy(nonce, h->iv, 4);
        put64(nonce + 4, h->explicit++);
        memcpy(w + HEADER, nonce + 4, 8);
    } else
        xor_nonce(h, nonce);
    h->number++;
    memcpy(body, p, n);
    if (r->v13) {
        body[n] = type;
        memset(body + n + 1, 0, padding);
    }
    EVP_CIPHER_CTX *e = keyed(enc, enc_of, r->suite, h, 1);
    if (EVP_EncryptInit_ex(e, NULL, NULL, NULL, nonce) != 1 || EVP_EncryptUpdate(e, NULL, &l, aad, aad_n) != 1 ||
        (inner && EVP_EncryptUpdate(e, body, &l, body, inner) != 1) || EVP_EncryptFinal_ex(e, body + inner, &l) != 1 ||
        EVP_CIPHER_CTX_ctrl(e, EVP_CTRL_AEAD_GET_TAG, TAG, body + inner) != 1)
        abort();
    to->n += HEADER + len;
}
static void send_update(Records *r, int asking, Bytes *to) {
    byte m[5] = {24, 0, 0, 1, asking};
    seal_one(r, HANDSHAKE, m, 5, 0, to);
    next_traffic(&r->out, r->hash, r->suite);
}
static void seal(Records *r, const byte *p, int n, Bytes *to) {
    if (r->answer_update) {
        r->answer_update = 0;
        send_update(r, 0, to);
    }
    if (r->v13 && r->out.number >= 1 << 24)
        send_update(r, 0, to); // AES-GCM's limit is 2^24.5 records a key (RFC 8446, 5.5)
    while (n > 0) {
        int k = n < r->limit ? n : r->limit;
        seal_one(r, APPLICATION_DATA, p, k, 0, to);
        p += k;
        n -= k;
    }
}
static void seal_alert(Records *r, int description, Bytes *to) {
    byte m[2] = {description == CLOSE_NOTIFY || description == NO_RENEGOTIATION ? 1 : 2, description};
    seal_one(r, ALERT, m, 2, 0, to);
}

// One whole record, opened in place. Answers its type, *body and *n; or -1 - the alert to be sent.
static int open_one(Records *r, byte *w, byte **body, int *n) {
    int type = w[0], len = w[3] << 8 | w[4], explicit = !r->v13 && r->suite != CHACHA ? 8 : 0, l, aad_n;
    Half *h = &r->in;
    byte nonce[12], aad[13];
    byte *p = w + HEADER + explicit;
    int m = len - explicit - TAG;
    if (m < (r->v13 ? 1 : 0)) return -1 - BAD_RECORD_MAC;
    if (r->v13)
        memcpy(aad, w, aad_n = HEADER);
    else {
        put64(aad, h->number);
        aad[8] = type;
        aad[9] = 3;
        aad[10] = 3;
        aad[11] = m >> 8;
        aad[12] = m;
        aad_n = 13;
    }
    if (explicit) {
        memcpy(nonce, h->iv, 4);
        memcpy(nonce + 4, w + HEADER, 8);
    } else
        xor_nonce(h, nonce);
    h->number++;
    EVP_CIPHER_CTX *d = keyed(dec, dec_of, r->suite, h, 0);
    byte none[16];
    if (EVP_DecryptInit_ex(d, NULL, NULL, NULL, nonce) != 1 || EVP_DecryptUpdate(d, NULL, &l, aad, aad_n) != 1 ||
        (m && EVP_DecryptUpdate(d, p, &l, p, m) != 1) ||
        EVP_CIPHER_CTX_ctrl(d, EVP_CTRL_AEAD_SET_TAG, TAG, p + m) != 1 || EVP_DecryptFinal_ex(d, none, &l) != 1) {
        ERR_clear_error();
        return -1 - BAD_RECORD_MAC;
    }
    if (r->v13) {
        if (m > MAX_PLAIN + 1) return -1 - RECORD_OVERFLOW;
        while (m > 0 && !p[m - 1])
            m--;
        if (!m) return -1 - UNEXPECTED_MESSAGE;
        type = p[--m];
    }
    if (m > MAX_PLAIN || m > r->limit) return -1 - RECORD_OVERFLOW;
    *body = p;
    *n = m;
    return type;
}
// What the five bytes of a header allow. 0, or the alert.
static int check_header(const Records *r, const byte *w) {
    int len = w[3] << 8 | w[4];
    if (r->v13 ? w[0] != APPLICATION_DATA : w[0] < ALERT || w[0] > APPLICATION_DATA)
        return UNEXPECTED_MESSAGE; // a change_cipher_spec too: it was allowed before Finished only
    if (w[1] != 3 || w[2] != 3) return r->v13 ? DECODE_ERROR : PROTOCOL_VERSION;
    if (len > MAX_PLAIN + (r->v13 ? 256 : 320))
        return RECORD_OVERFLOW; // 1.2: as OpenSSL without compression; RFC 5246 allows 2,048, AEAD takes 24
    return 0;
}
enum { GO_ON, PEER_CLOSED, PEER_FAILED }; // or -1 - an alert to be sent
// A record that isn't application data.
static int control(Records *r, int type, const byte *p, int n, Bytes *to) {
    if (type == ALERT) {
        if (n != 2) return -1 - (n ? DECODE_ERROR : UNEXPECTED_MESSAGE);
        if (p[1] == CLOSE_NOTIFY) return PEER_CLOSED;
        if (r->v13 ? p[1] == USER_CANCELED : p[0] == 1)
            return ++r->warnings < MAX_WARNINGS ? GO_ON : -1 - UNEXPECTED_MESSAGE;
        return PEER_FAILED;
    }
    if (type != HANDSHAKE || n == 0) return -1 - UNEXPECTED_MESSAGE;
    if (!r->v13) { // HelloRequests aside, only a ClientHello: renegotiation, refused by a warning (RFC 5246, 7.2.2); nobody goes on after it
        if (++r->warnings >= MAX_WARNINGS) return -1 - UNEXPECTED_MESSAGE;
        seal_alert(r, NO_RENEGOTIATION, to);
        return GO_ON;
    }
    if (n > 5 - r->part_n) return -1 - UNEXPECTED_MESSAGE; // a KeyUpdate ends its record; no other message may come
    memcpy(r->part + r->part_n, p, n);
    r->part_n += n;
    static const byte update[4] = {24, 0, 0, 1};
    if (memcmp(r->part, update, r->part_n < 4 ? r->part_n : 4)) return -1 - UNEXPECTED_MESSAGE;
    if (r->part_n < 5) return GO_ON;
    if (r->part[4] > 1) return -1 - ILLEGAL_PARAMETER;
    r->part_n = 0;
    next_traffic(&r->in, r->hash, r->suite);
    if (r->part[4]) r->answer_update = 1;
    return GO_ON; // several are answered by one
}

// ---- while shaking hands

typedef struct {
    SSL *ssl;
    byte client[48], server[48];
    int have_client, have_server; // TLS 1.3: application traffic secrets
    int in_changed, out_changed, in_count, out_count;
    uint64_t explicit; // TLS 1.2: records since change_cipher_spec
} Shake;
static Shake *shaking; // whose SSL_do_handshake is on the stack (thread-local, with several threads)

// Three ways to the secrets of TLS 1.3; TLS 1.2 needs none.
//   keylog    SSL_CTX_set_keylog_callback: five lines a handshake, which OpenSSL writes with one sprintf a byte
//   toggle    the same, but the callback is set only around the two lines that are wanted: the SSL_CTX must belong to one thread
//   provider  our own TLS13-KDF, by a provider: sees the secrets as they are made, and makes them with less work (a fifth of the time)
static enum { KEYLOG, TOGGLE, PROVIDER } keys = TOGGLE;
static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }
static void take(const byte *secret, int size, int client) {
    if (!shaking) return;
    memcpy(client ? shaking->client : shaking->server, secret, size);
    *(client ? &shaking->have_client : &shaking->have_server) = size;
}
static void on_keylog(const SSL *ssl, const char *line) {
    int client = !strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24);
    if (!client && strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24)) return;
    const char *p = line + 24 + 64 + 1;
    byte secret[48];
    int n = 0;
    for (; n < 48 && p[2 * n]; n++)
        secret[n] = nibble(p[2 * n]) << 4 | nibble(p[2 * n + 1]);
    take(secret, n, client);
    OPENSSL_cleanse(secret, 48);
    if (keys == TOGGLE) SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), NULL);
}
static void on_message(int written, int version, int type, const void *b, size_t n, SSL *ssl,
                       void *arg) { // Finished, ours or theirs: its traffic secret comes next
    (void)written, (void)arg;
    if (type == HANDSHAKE && n && *(const byte *)b == 20 && version == TLS1_3_VERSION)
        SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), on_keylog);
}

// The provider: TLS13-KDF (libssl gives all parameters with the derivation, so that a context holds nothing).
static void *kdf_new(void *provider) { return provider; }
static void kdf_free(void *k) { (void)k; }
static int kdf_derive(void *k, byte *to, size_t n, const OSSL_PARAM p[]) {
    (void)k;
    const byte *key = NULL, *salt = NULL, *data = NULL;
    const char *label = "", *digest = "";
    size_t key_n = 0, salt_n = 0, data_n = 0, label_n = 0;
    int mode = -1;
    byte zeros[48] = {0}, made[48];
    for (; p->key; p++) {
        if (!strcmp(p->key, OSSL_KDF_PARAM_MODE))
            mode = *(int *)p->data;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_DIGEST))
            digest = p->data;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_KEY))
            key = p->data, key_n = p->data_size;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_SALT))
            salt = p->data, salt_n = p->data_size;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_LABEL))
            label = p->data, label_n = p->data_size;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_DATA))
            data = p->data, data_n = p->data_size;
    }
    int size = strstr(digest, "384") ? 48 : 32;
    if (mode == 1) { // EVP_KDF_HKDF_MODE_EXTRACT_ONLY: the next of early, handshake and master secret
        Hmac m;
        if (!key) key = zeros, key_n = size;
        if (salt) {
            Hash h;
            byte empty[48];
            hash_start(&h, size);
            hash_end(&h, size, empty);
            hmac_key(&m, size, salt, salt_n);
            expand_label_keyed(&m, label, label_n, empty, size, made, size);
            salt = made, salt_n = size;
        } else
            salt = zeros, salt_n = size;
        hmac_key(&m, size, salt, salt_n);
        hmac(&m, key, key_n, NULL, 0, to);
        OPENSSL_cleanse(&m, sizeof m);
        return 1;
    }
    if (mode != 2 || (int)n > size) return 0;
    Hmac m;
    hmac_key(&m, size, key, key_n);
    expand_label_keyed(&m, label, label_n, data, data_n, to, n);
    OPENSSL_cleanse(&m, sizeof m);
    if (label_n == 12 && !memcmp(label + 1, " ap traffic", 11)) take(to, n, label[0] == 'c');
    return 1;
}
// And TLS1-PRF, which is 4.7 us there and 0.8 us here, several times a handshake in TLS 1.2.
static int prf_derive(void *k, byte *to, size_t n, const OSSL_PARAM p[]) {
    (void)k;
    const byte *secret = NULL;
    const char *digest = "";
    size_t secret_n = 0, seed_n = 0;
    byte seed[512];
    for (; p->key; p++) {
        if (!strcmp(p->key, OSSL_KDF_PARAM_DIGEST))
            digest = p->data;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_SECRET))
            secret = p->data, secret_n = p->data_size;
        else if (!strcmp(p->key, OSSL_KDF_PARAM_SEED)) {
            if (seed_n + p->data_size > sizeof seed) return 0;
            if (p->data_size) memcpy(seed + seed_n, p->data, p->data_size);
            seed_n += p->data_size;
        } // label and seeds, in order
    }
    int size = strstr(digest, "384") ? 48 : strstr(digest, "256") ? 32 : 0;
    if (!size || !secret) return 0;
    tls12_prf(size, secret, secret_n, seed, seed_n, to, n);
    return 1;
}
static const OSSL_DISPATCH prf_functions[] = {{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))kdf_new},
                                              {OSSL_FUNC_KDF_FREECTX, (void (*)(void))kdf_free},
                                              {OSSL_FUNC_KDF_DERIVE, (void (*)(void))prf_derive},
                                              {0, NULL}};
static const OSSL_DISPATCH kdf_functions[] = {{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))kdf_new},
                                              {OSSL_FUNC_KDF_FREECTX, (void (*)(void))kdf_free},
                                              {OSSL_FUNC_KDF_DERIVE, (void (*)(void))kdf_derive},
                                              {0, NULL}};
static const OSSL_ALGORITHM kdf_algorithms[] = {{"TLS13-KDF", "provider=tollgate", kdf_functions, NULL},
                                                {"TLS1-PRF", "provider=tollgate", prf_functions, NULL},
                                                {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM *query(void *p, int operation, int *no_cache) {
    (void)p;
    *no_cache = 0;
    return operation == OSSL_OP_KDF ? kdf_algorithms : NULL;
}
static const OSSL_DISPATCH provider_functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
                                                   {0, NULL}};
static int provider_init(const OSSL_CORE_HANDLE *h, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx) {
    (void)in;
    *out = provider_functions;
    *ctx = (void *)h;
    return 1;
}

// A BIO without memory of its own: reads from `cell`, appends to `cell`'s output. One for all connections of a thread.
static struct {
    const byte *p;
    int n, off;
    Bytes *out;
} cell;
static int cell_read(BIO *b, char *to, int n) {
    int k = cell.n - cell.off;
    if (k > n) k = n;
    BIO_clear_retry_flags(b);
    if (k <= 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(to, cell.p + cell.off, k);
    cell.off += k;
    return k;
}
static int cell_write(BIO *b, const char *p, int n) {
    BIO_clear_retry_flags(b);
    put(cell.out, p, n);
    return n;
}
static long cell_ctrl(BIO *b, int cmd, long x, void *y) {
    (void)b, (void)x, (void)y;
    return cmd == BIO_CTRL_FLUSH;
}

// Bytes that whole records take at p[0..n); all of it if that is no TLS (OpenSSL then says so), or nothing.
static int whole_records(const byte *p, int n) {
    int off = 0;
    while (n - off >= HEADER) {
        int len = p[off + 3] << 8 | p[off + 4];
        if (p[off] < 20 || p[off] > 23 || p[off + 1] != 3 || len > MAX_PLAIN + 2048) return n;
        if (n - off < HEADER + len) break;
        off += HEADER + len;
    }
    return off;
}
// Counts the records of p[0..n) that follow a change_cipher_spec (TLS 1.2); the last one's explicit nonce.
static void count12(const byte *p, int n, int *changed, int *count, uint64_t *explicit) {
    for (int off = 0; off + HEADER <= n; off += HEADER + (p[off + 3] << 8 | p[off + 4])) {
        if (*changed) {
            ++*count;
            if (explicit && off + HEADER + 8 <= n) *explicit = get64(p + off + HEADER);
        } else if (p[off] == CHANGE_CIPHER_SPEC)
            *changed = 1;
    }
}

// ---- connections

typedef struct {
    int fd, writing, closing, app;
    Shake *hs;
    Records *rec;
    Bytes in, plain, out;
} C; // in: a part of a record; plain: of a packet; out: not sent yet
static int ep, verbose;
static SSL_CTX *ctx;
static BIO *bio;
static byte wire[65536 + 17000];
static Bytes answer;
static void drop(C *c) {
    if (c->hs) {
        SSL_set_shutdown(c->hs->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(c->hs->ssl);
        free(c->hs);
    }
    if (c->rec) {
        unkey(&c->rec->in);
        unkey(&c->rec->out);
        OPENSSL_cleanse(c->rec, sizeof *c->rec);
        free(c->rec);
    }
    close(c->fd);
    clear(&c->in);
    clear(&c->plain);
    clear(&c->out);
    free(c);
}
static int push(C *c, Bytes *b) { // sends b, or keeps what the socket doesn't take; -1: broken
    int off = 0;
    if (c->out.n && b != &c->out) {
        put(&c->out, b->p, b->n);
        b->n = 0;
        return 0;
    }
    while (off < b->n) {
        int r = send(c->fd, b->p + off, b->n - off, MSG_NOSIGNAL);
        if (r < 0) {
            if (errno == EAGAIN) break;
            return -1;
        }
        off += r;
    }
    if (b == &c->out) {
        memmove(b->p, b->p + off, b->n - off);
        b->n -= off;
        if (!b->n) clear(b);
    } else {
        put(&c->out, b->p + off, b->n - off);
        b->n = 0;
    }
    int w = c->out.n > 0;
    if (w != c->writing) {
        struct epoll_event e = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
        c->writing = w;
    }
    return 0;
}
static void hand_over(C *c) {
    Shake *h = c->hs;
    SSL *ssl = h->ssl;
    Records *r = c->rec = calloc(1, sizeof *r);
    const SSL_CIPHER *k = SSL_get_current_cipher(ssl);
    int nid = SSL_CIPHER_get_cipher_nid(k);
    r->suite = nid == NID_aes_128_gcm ? AES128 : nid == NID_aes_256_gcm ? AES256 : CHACHA;
    r->hash = EVP_MD_get_size(SSL_CIPHER_get_handshake_digest(k));
    r->v13 = SSL_version(ssl) == TLS1_3_VERSION;
    int mfl = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
    r->limit = mfl >= 1 && mfl <= 4 ? 256 << mfl : MAX_PLAIN;
    if (r->v13) {
        if (h->have_client != r->hash || h->have_server != r->hash) abort();
        memcpy(r->in.secret, h->client, r->hash);
        memcpy(r->out.secret, h->server, r->hash);
        set_traffic(&r->in, r->hash, r->suite);
        set_traffic(&r->out, r->hash, r->suite);
        r->out.number = h->out_count;
    } else {
        byte master[48], seed[13 + 64], block[2 * 32 + 2 * 12];
        int kl = key_length[r->suite], il = r->suite == CHACHA ? 12 : 4;
        SSL_SESSION_get_master_key(SSL_get_session(ssl), master, 48);
        memcpy(seed, "key expansion", 13);
        SSL_get_server_random(ssl, seed + 13, 32);
        SSL_get_client_random(ssl, seed + 45, 32);
        tls12_prf(r->hash, master, 48, seed, sizeof seed, block, 2 * kl + 2 * il);
        memcpy(r->in.key, block, kl);
        memcpy(r->out.key, block + kl, kl);
        memcpy(r->in.iv, block + 2 * kl, il);
        memcpy(r->out.iv, block + 2 * kl + il, il);
        r->in.number = h->in_count;
        r->out.number = h->out_count;
        r->out.explicit = h->explicit + 1;
        OPENSSL_cleanse(master, 48);
        OPENSSL_cleanse(block, sizeof block);
    }
    if (verbose)
        fprintf(stderr, "up %s %s resumed=%d in=%lu out=%lu ems=%ld limit=%d cert=%d\n", SSL_get_version(ssl),
                SSL_CIPHER_get_name(k), SSL_session_reused(ssl), r->in.number, r->out.number,
                SSL_get_extms_support(ssl), r->limit, SSL_get0_peer_certificate(ssl) != NULL);
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN |
                              SSL_RECEIVED_SHUTDOWN); // or SSL_free takes the context's lock to forget a "bad" session
    SSL_free(ssl);
    OPENSSL_cleanse(h, sizeof *h);
    free(h);
    c->hs = NULL;
}
// Feeds whole records to OpenSSL. Answers the bytes it took, or -1.
static int shake(C *c, const byte *p, int n) {
    Shake *h = c->hs;
    int whole = whole_records(p, n), start = answer.n;
    if (!whole) return 0;
    cell.p = p;
    cell.n = whole;
    cell.off = 0;
    cell.out = &answer;
    shaking = h;
    int s = SSL_do_handshake(h->ssl);
    shaking = NULL;
    if (SSL_version(h->ssl) == TLS1_2_VERSION) {
        count12(p, cell.off, &h->in_changed, &h->in_count, NULL);
        count12(answer.p + start, answer.n - start, &h->out_changed, &h->out_count, &h->explicit);
    } else if (s == 1)
        for (int off = start; off < answer.n; off += HEADER + (answer.p[off + 3] << 8 | answer.p[off + 4]))
            h->out_count++; // tickets: the only records after the client's Finished
    if (s == 1) { // pending: a message behind Finished in its record (TLS 1.2 only: OpenSSL refuses it in 1.3)
        int pending = SSL_has_pending(h->ssl);
        hand_over(c);
        if (!pending) return cell.off;
        seal_alert(c->rec, UNEXPECTED_MESSAGE, &answer);
        return -1;
    }
    int e = SSL_get_error(h->ssl, s);
    if (verbose && e != SSL_ERROR_WANT_READ) {
        fprintf(stderr, "handshake: ");
        ERR_print_errors_fp(stderr);
    }
    ERR_clear_error();
    return e == SSL_ERROR_WANT_READ ? cell.off : -1;
}
// What the application makes of plaintext: *used bytes of it. 0, or 1 when it has had enough.
static int mqtt(C *c, const byte *p, int n, int *used, Bytes *to) {
    int off = 0, dead = 0;
    byte out[4];
    (void)c;
    while (n - off >= 2) {
        int len = 0, sh = 0, h = 1;
        for (;;) {
            if (off + h >= n) {
                h = -1;
                break;
            }
            int x = p[off + h++];
            len |= (x & 127) << sh;
            sh += 7;
            if (!(x & 128)) break;
        }
        if (h < 0 || n - off < h + len) break;
        const byte *q = p + off;
        int t = q[0] >> 4;
        if (t == 1)
            put(to, "\x20\x02\0\0", 4);
        else if (t == 3) {
            if ((q[0] >> 1) & 3) {
                int tl = q[h] << 8 | q[h + 1];
                out[0] = 0x40;
                out[1] = 2;
                out[2] = q[h + 2 + tl];
                out[3] = q[h + 3 + tl];
                put(to, out, 4);
            }
        } else if (t == 12)
            put(to, "\xD0\0", 2);
        else if (t == 14) {
            dead = 1;
            break;
        }
        off += h + len;
    }
    *used = off;
    return dead;
}
static int is(const byte *p, int n, const char *s) {
    int k = strlen(s);
    return n >= k && n <= k + 2 && !memcmp(p, s, k);
}
static int echo(C *c, const byte *p, int n, Bytes *to) {
    static byte big[100000];
    Records *r = c->rec;
    memset(big, 'x', sizeof big);
    if (n > 4 && !memcmp(p, "GET ", 4)) {
        static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        seal(r, (const byte *)head, sizeof head - 1, to);
        seal(r, big, sizeof big, to);
        return 1;
    }
    if (r->v13 && is(p, n, "!ku"))
        send_update(r, 0, to);
    else if (r->v13 && is(p, n, "!kureq"))
        send_update(r, 1, to);
    else if (is(p, n, "!pad")) {
        seal_one(r, APPLICATION_DATA, p, n, 300, to);
        return 0;
    } else if (is(p, n, "!empty"))
        seal_one(r, APPLICATION_DATA, p, 0, 0, to);
    else if (is(p, n, "!big")) {
        seal(r, big, 40000, to);
        return 0;
    } else if (is(p, n, "!close"))
        return 1;
    int start = to->n;
    seal(r, p, n, to);
    if (is(p, n, "!flip")) to->p[start + HEADER + 9] ^= 1;
    return 0;
}
static int on_bytes(C *c, byte *p, int n) { // 0, or 1: over (what is in `answer` is still sent)
    static Bytes replies;
    int off = 0, end = 0;
    answer.n = 0;
    replies.n = 0;
    while (c->hs) {
        int k = shake(c, p + off, n - off);
        if (k < 0) {
            end = 1;
            break;
        }
        off += k;
        if (!k || off == n) break;
    }
    while (!end && !c->hs && n - off >= HEADER) {
        Records *r = c->rec;
        byte *w = p + off, *body;
        int len = w[3] << 8 | w[4], m = 0, what = check_header(r, w), type = -1 - what;
        if (!what) {
            if (n - off < HEADER + len) break;
            type = open_one(r, w, &body, &m);
            off += HEADER + len;
        }
        if (type >= 0 && r->part_n && type != HANDSHAKE) type = -1 - UNEXPECTED_MESSAGE;
        if (type == APPLICATION_DATA) {
            if (m == 0) {
                if (++r->empty > MAX_EMPTY)
                    type = -1 - UNEXPECTED_MESSAGE;
                else
                    continue;
            } else {
                r->empty = r->warnings = 0;
                if (!c->app) c->app = body[0] == 0x10 ? 'm' : 'e';
                if (c->app == 'e')
                    end = echo(c, body, m, &answer);
                else {
                    int used;
                    const byte *q = body;
                    int qn = m;
                    if (c->plain.n) {
                        put(&c->plain, body, m);
                        q = c->plain.p;
                        qn = c->plain.n;
                    }
                    end = mqtt(c, q, qn, &used, &replies);
                    Bytes rest = {0};
                    put(&rest, q + used, qn - used);
                    clear(&c->plain);
                    c->plain = rest;
                }
                if (end) seal_alert(r, CLOSE_NOTIFY, &answer);
                continue;
            }
        }
        int next = type < 0 ? type : control(r, type, body, m, &answer);
        if (verbose && next)
            fprintf(stderr,
                    next < 0              ? "alert sent %d\n"
                    : next == PEER_CLOSED ? "close_notify\n"
                                          : "alert received %d\n",
                    next < 0 ? -1 - next : body[1]);
        if (next < 0) {
            seal_alert(r, -1 - next, &answer);
            end = 1;
        } else if (next == PEER_CLOSED) {
            seal_alert(r, CLOSE_NOTIFY, &answer);
            end = 1;
        } else if (next == PEER_FAILED)
            end = 1;
    }
    if (c->rec && replies.n) seal(c->rec, replies.p, replies.n, &answer);
    if (!end && c->rec && c->rec->answer_update) {
        c->rec->answer_update = 0;
        send_update(c->rec, 0, &answer);
    }
    Bytes rest = {0};
    if (!end) put(&rest, p + off, n - off);
    clear(&c->in);
    c->in = rest;
    return end;
}
static void step(C *c, unsigned events) {
    if (events & EPOLLOUT && c->out.n) {
        if (push(c, &c->out) < 0) {
            drop(c);
            return;
        }
    }
    if (c->closing) {
        if (!c->out.n) drop(c);
        return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    if (c->in.n) memcpy(wire, c->in.p, c->in.n);
    int r = recv(c->fd, wire + c->in.n, 65536, 0);
    if (r <= 0) {
        if (r == 0 || errno != EAGAIN) {
            if (verbose) fprintf(stderr, "eof\n");
            drop(c);
        }
        return;
    }
    int end = on_bytes(c, wire, c->in.n + r);
    if (answer.n && push(c, &answer) < 0) {
        drop(c);
        return;
    }
    if (end) {
        c->closing = 1;
        if (!c->out.n) {
            shutdown(c->fd, SHUT_WR);
            drop(c);
        }
    }
}
static const char *option(int argc, char **argv, const char *name) {
    int n = strlen(name);
    for (int i = 3; i < argc; i++)
        if (!strncmp(argv[i], name, n)) return argv[i] + n;
    return NULL;
}
int main(int argc, char **argv) {
    if (argc < 3) return 2;
    signal(SIGPIPE, SIG_IGN);
    int tickets = argc > 3 && atoi(argv[3]) >= 0 && (argv[3][0] >= '0' && argv[3][0] <= '9') ? atoi(argv[3]) : 1;
    const char *v;
    verbose = option(argc, argv, "verbose") != NULL;
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    if ((v = option(argc, argv, "arenas="))) mallopt(M_ARENA_MAX, atoi(v));
    if ((v = option(argc, argv, "keys="))) keys = v[0] == 'p' ? PROVIDER : v[0] == 't' ? TOGGLE : KEYLOG;
    if (keys == PROVIDER) {
        OSSL_PROVIDER_add_builtin(NULL, "tollgate", provider_init);
        if (!OSSL_PROVIDER_load(NULL, "default") || !OSSL_PROVIDER_load(NULL, "tollgate")) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    static const char *names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
    for (int i = 0; i < 3; i++) {
        ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
        enc[i] = EVP_CIPHER_CTX_new();
        dec[i] = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex2(enc[i], ciphers[i], NULL, NULL, NULL);
        EVP_DecryptInit_ex2(dec[i], ciphers[i], NULL, NULL, NULL);
    }
    ctx = SSL_CTX_new_ex(NULL, keys == PROVIDER ? "?provider=tollgate" : NULL, TLS_server_method());
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    if ((v = option(argc, argv, "max=")) && !strcmp(v, "1.2")) SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    if (SSL_CTX_use_certificate_chain_file(ctx, "cert.pem") != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, "key.pem", SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, tickets);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_id_context(ctx, (const byte *)"records", 7);
    SSL_CTX_set_ciphersuites(ctx, (v = option(argc, argv, "suites="))
                                      ? v
                                      : "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384");
    SSL_CTX_set_cipher_list(ctx, (v = option(argc, argv, "ciphers="))
                                     ? v
                                     : "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-"
                                       "GCM-SHA384"); // AEAD only: nothing else can be handed over
    if ((v = option(argc, argv, "groups="))) SSL_CTX_set1_groups_list(ctx, v);
    if (option(argc, argv, "noticket")) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if ((v = option(argc, argv, "early=")))
        SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY); // or its tickets would be names in a cache that is off
    SSL_CTX_set_max_early_data(ctx, v ? atoi(v) : 0);
    if ((v = option(argc, argv, "recvearly="))) SSL_CTX_set_recv_max_early_data(ctx, atoi(v));
    if ((v = option(argc, argv, "ticketkey="))) {
        byte k[80];
        memset(k, v[0], 80);
        SSL_CTX_set_tlsext_ticket_keys(ctx, k, 80);
    }
    if ((v = option(argc, argv, "clientca="))) {
        SSL_CTX_load_verify_locations(ctx, v, NULL);
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(v));
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (keys == KEYLOG)
        SSL_CTX_set_keylog_callback(ctx, on_keylog);
    else if (keys == TOGGLE)
        SSL_CTX_set_msg_callback(ctx, on_message);
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cell");
    BIO_meth_set_read(m, cell_read);
    BIO_meth_set_write(m, cell_write);
    BIO_meth_set_ctrl(m, cell_ctrl);
    bio = BIO_new(m);
    BIO_set_init(bio, 1);
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
    int trimmed = 1;
    for (;;) {
        int k = epoll_wait(ep, evs, 512, trimmed ? -1 : 300);
        if (k == 0) {
            malloc_trim(0);
            trimmed = 1;
        } else
            trimmed = option(argc, argv, "trim") == NULL;
        for (int i = 0; i < k; i++) {
            C *c = evs[i].data.ptr;
            if (c) {
                step(c, evs[i].events);
                continue;
            }
            for (int j = 0; j < 64; j++) {
                int fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0) break;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
                c = calloc(1, sizeof *c);
                c->fd = fd;
                c->hs = calloc(1, sizeof *c->hs);
                SSL *s = c->hs->ssl = SSL_new(ctx);
                BIO_up_ref(bio);
                BIO_up_ref(bio);
                SSL_set0_rbio(s, bio);
                SSL_set0_wbio(s, bio);
                SSL_set_accept_state(s);
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
            }
        }
    }
}
