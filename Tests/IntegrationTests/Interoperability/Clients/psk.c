/* A device over mbedTLS that has its secret and no certificate: MQTT 3.1.1 with TLS-PSK, as in ESP-IDF.
 *
 * Usage: psk PORT IDENTITY KEY TOPIC SUITE...
 *
 * KEY is hexadecimal. With each suite it connects, publishes one message with QoS 1 and disconnects; a line of standard
 * output says what was agreed on, CONNACK's return code and what came for the message, or why the handshake failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context randomness;

static void check(int result, const char *attempt) {
    if (result >= 0) return;
    fprintf(stderr, "%s: -0x%04x\n", attempt, -result);
    exit(1);
}

static void answer(mbedtls_ssl_context *ssl, unsigned char *packet) {
    size_t count = 0;
    while (count < 4) {
        int result = mbedtls_ssl_read(ssl, packet + count, 4 - count);
        check(result > 0 ? result : -1, "mbedtls_ssl_read");
        count += (size_t)result;
    }
}

static void converse(mbedtls_ssl_context *ssl, const char *topic) {
    static const unsigned char connect[] = {0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 3, 'a', 'n', 'y'};
    static const unsigned char disconnect[] = {0xE0, 0};
    unsigned char publish[256], packet[4];
    size_t length = strlen(topic);
    check(mbedtls_ssl_write(ssl, connect, sizeof connect), "CONNECT");
    answer(ssl, packet);
    printf("%s %s connack %d", mbedtls_ssl_get_version(ssl), mbedtls_ssl_get_ciphersuite(ssl), packet[3]);
    if (packet[3] == 0) {
        publish[0] = 0x32;
        publish[1] = (unsigned char)(length + 6);
        publish[2] = 0;
        publish[3] = (unsigned char)length;
        memcpy(publish + 4, topic, length);
        memcpy(publish + 4 + length, "\0\1on", 4);
        check(mbedtls_ssl_write(ssl, publish, length + 8), "PUBLISH");
        answer(ssl, packet);
        printf(" puback %d", packet[3]);
        check(mbedtls_ssl_write(ssl, disconnect, sizeof disconnect), "DISCONNECT");
    }
    printf("\n");
}

int main(int count, char **words) {
    unsigned char key[64];
    size_t length = strlen(words[3]) / 2;
    for (size_t index = 0; index < length && index < sizeof key; index++) {
        unsigned value;
        sscanf(words[3] + 2 * index, "%2x", &value);
        key[index] = (unsigned char)value;
    }
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&randomness);
    check(mbedtls_ctr_drbg_seed(&randomness, mbedtls_entropy_func, &entropy, NULL, 0), "mbedtls_ctr_drbg_seed");
    for (int index = 5; index < count; index++) {
        int suites[] = {mbedtls_ssl_get_ciphersuite_id(words[index]), 0};
        mbedtls_ssl_config config;
        mbedtls_ssl_context ssl;
        mbedtls_net_context net;
        mbedtls_ssl_config_init(&config);
        mbedtls_ssl_init(&ssl);
        mbedtls_net_init(&net);
        check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT),
              "mbedtls_ssl_config_defaults");
        mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &randomness);
        mbedtls_ssl_conf_ciphersuites(&config, suites);
        check(mbedtls_ssl_conf_psk(&config, key, length, (unsigned char *)words[2], strlen(words[2])),
              "mbedtls_ssl_conf_psk");
        check(mbedtls_net_connect(&net, "127.0.0.1", words[1], MBEDTLS_NET_PROTO_TCP), "mbedtls_net_connect");
        check(mbedtls_ssl_setup(&ssl, &config), "mbedtls_ssl_setup");
        mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
        int result = mbedtls_ssl_handshake(&ssl);
        if (result == 0) {
            converse(&ssl, words[4]);
            mbedtls_ssl_close_notify(&ssl);
        } else {
            printf("%s failed -0x%04x\n", words[index], -result);
        }
        mbedtls_net_free(&net);
        mbedtls_ssl_free(&ssl);
        mbedtls_ssl_config_free(&config);
    }
    return 0;
}
