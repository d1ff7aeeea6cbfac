/* Holds MQTT sessions over mbedTLS, two of each suite: the second resumes the first.
 *
 * Usage: sessions PORT AUTHORITY STEPS DIRECTORY FRAGMENT/SUITE...
 *
 * FRAGMENT is a code of max_fragment_length (RFC 6066, 4), 0 for none. STEPS has a line for each step: a file whose
 * bytes are sent, and how many bytes are then waited for. All that a session received is in DIRECTORY, in a file with
 * its number; a line of standard output says what was agreed on.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context randomness;
static mbedtls_x509_crt authority;

static void check(int result, const char *attempt) {
    if (result >= 0) return;
    fprintf(stderr, "%s: -0x%04x\n", attempt, -result);
    exit(1);
}

static FILE *opened(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void send_file(mbedtls_ssl_context *ssl, const char *path) {
    unsigned char piece[20000];
    size_t count;
    FILE *file = opened(path, "rb");
    while ((count = fread(piece, 1, sizeof piece, file)) > 0) {
        for (size_t sent = 0; sent < count;) {
            int result = mbedtls_ssl_write(ssl, piece + sent, count - sent);
            check(result, "mbedtls_ssl_write");
            sent += (size_t)result;
        }
    }
    fclose(file);
}

static void receive(mbedtls_ssl_context *ssl, size_t count, FILE *received) {
    unsigned char piece[20000];
    while (count > 0) {
        int result = mbedtls_ssl_read(ssl, piece, count < sizeof piece ? count : sizeof piece);
        check(result > 0 ? result : result - (result == 0), "mbedtls_ssl_read");
        fwrite(piece, 1, (size_t)result, received);
        count -= (size_t)result;
    }
}

static void hold(const char *port, const char *steps, const char *directory, int number, mbedtls_ssl_config *config,
                 mbedtls_ssl_session *session) {
    mbedtls_ssl_context ssl;
    mbedtls_net_context net;
    char path[1024];
    unsigned count;
    mbedtls_ssl_init(&ssl);
    mbedtls_net_init(&net);
    check(mbedtls_net_connect(&net, "127.0.0.1", port, MBEDTLS_NET_PROTO_TCP), "mbedtls_net_connect");
    check(mbedtls_ssl_setup(&ssl, config), "mbedtls_ssl_setup");
    check(mbedtls_ssl_set_hostname(&ssl, "localhost"), "mbedtls_ssl_set_hostname");
    if (number % 2) check(mbedtls_ssl_set_session(&ssl, session), "mbedtls_ssl_set_session");
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
    check(mbedtls_ssl_handshake(&ssl), "mbedtls_ssl_handshake");
    if (number % 2 == 0) check(mbedtls_ssl_get_session(&ssl, session), "mbedtls_ssl_get_session");
    snprintf(path, sizeof path, "%s/%d", directory, number);
    FILE *received = opened(path, "wb"), *script = opened(steps, "r");
    while (fscanf(script, "%1023s %u", path, &count) == 2) {
        send_file(&ssl, path);
        receive(&ssl, count, received);
    }
    fclose(script);
    fclose(received);
    printf("%s %s\n", mbedtls_ssl_get_version(&ssl), mbedtls_ssl_get_ciphersuite(&ssl));
    check(mbedtls_ssl_close_notify(&ssl), "mbedtls_ssl_close_notify");
    if (mbedtls_ssl_read(&ssl, (unsigned char *)path, 1) != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        check(-1, "close_notify of the gateway");
    }
    mbedtls_net_free(&net);
    mbedtls_ssl_free(&ssl);
}

int main(int count, char **words) {
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&randomness);
    mbedtls_x509_crt_init(&authority);
    check(mbedtls_ctr_drbg_seed(&randomness, mbedtls_entropy_func, &entropy, NULL, 0), "mbedtls_ctr_drbg_seed");
    check(mbedtls_x509_crt_parse_file(&authority, words[2]), "mbedtls_x509_crt_parse_file");
    for (int index = 5; index < count; index++) {
        int suites[] = {mbedtls_ssl_get_ciphersuite_id(words[index] + 2), 0};
        mbedtls_ssl_config config;
        mbedtls_ssl_session session;
        mbedtls_ssl_config_init(&config);
        mbedtls_ssl_session_init(&session);
        check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT), "mbedtls_ssl_config_defaults");
        mbedtls_ssl_conf_ca_chain(&config, &authority, NULL);
        mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &randomness);
        mbedtls_ssl_conf_read_timeout(&config, 60000);
        mbedtls_ssl_conf_ciphersuites(&config, suites);
        check(mbedtls_ssl_conf_max_frag_len(&config, (unsigned char)(words[index][0] - '0')), "FRAGMENT");
        hold(words[1], words[3], words[4], 2 * (index - 5), &config, &session);
        hold(words[1], words[3], words[4], 2 * (index - 5) + 1, &config, &session);
        mbedtls_ssl_session_free(&session);
        mbedtls_ssl_config_free(&config);
    }
    return 0;
}
