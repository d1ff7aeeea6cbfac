/* A lamp that connects to Tollgate over MQTT 3.1.1.
 *
 *   lamp HOST PORT CA.pem PRODUCTKEY DEVICEKEY SECRET     runs until it is ended
 *   lamp --sign PRODUCTKEY DEVICEKEY SECRET [TIMESTAMP]   prints what a CONNECT would carry
 *
 * With Eclipse Paho's C client and OpenSSL (Debian: libpaho-mqtt-dev libssl-dev):
 *
 *   cc -O2 -o lamp lamp.c -lpaho-mqtt3cs -lcrypto
 */
#define _GNU_SOURCE
#include <MQTTClient.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct identity {
    char client[256], user[128], password[65];
};

/* Client identifier, user name and password of a device that signs its CONNECT. */
static void sign(struct identity *identity, const char *product, const char *device,
                 const char *secret, const char *timestamp) {
    char content[512];
    unsigned char code[32];
    unsigned int length = sizeof code;
    int is_stamped = timestamp && *timestamp;
    snprintf(identity->client, sizeof identity->client,
             "%s.%s|securemode=2,signmethod=hmacsha256%s%s|", product, device,
             is_stamped ? ",timestamp=" : "", is_stamped ? timestamp : "");
    snprintf(identity->user, sizeof identity->user, "%s&%s", device, product);
    snprintf(content, sizeof content, "clientId%s.%sdeviceName%sproductKey%s%s%s", product, device,
             device, product, is_stamped ? "timestamp" : "", is_stamped ? timestamp : "");
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)content, strlen(content),
         code, &length);
    for (int i = 0; i < 32; i++) sprintf(identity->password + 2 * i, "%02x", code[i]);
}

/* How long to wait, by what the gateway said. SOON: it passes by itself. HOUR: an operator has to
 * do something. DAY: the firmware or its configuration is wrong: asking more often helps no one. */
enum wait { SOON, HOUR, DAY };

static enum wait wait_after(int return_code) {
    switch (return_code) {
    case 1: return DAY;   /* unacceptable protocol version */
    case 2: return DAY;   /* client identifier not valid */
    case 4: return HOUR;  /* unknown device, or a wrong secret */
    case 5: return HOUR;  /* disabled, no activation code left, expired */
    default: return SOON; /* 3, and no answer at all */
    }
}

static double fraction(void) {
    unsigned int bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = (unsigned int)time(NULL);
    return bits / 4294967296.0;
}

/* Seconds until the next attempt, spread at random so that a fleet does not come back at once. */
static double pause_seconds(enum wait wait, int attempt) {
    double most = attempt < 8 ? 1 << attempt : 256;
    switch (wait) {
    case SOON: return most * (0.5 + fraction() / 2);
    case HOUR: return 3600 * (1 + fraction() / 2);
    case DAY: return 86400 * (1 + fraction() / 2);
    }
    return most;
}

struct lamp {
    MQTTClient client;
    struct identity identity;
    char topics[128];   /* d/PRODUCTKEY/DEVICEKEY */
    time_t quiet_until; /* the day's quota is used up until then */
    time_t next_report;
    int report_seconds, number;
};

/* The gateway's words: the quota is used up, the entitlement has ended, an operator has kicked us. */
static void heed(struct lamp *lamp, const char *notice) {
    const char *resets = strstr(notice, "\"resetsAt\":\"");
    if (strstr(notice, "\"reason\":\"quota-exhausted\"") && resets) {
        struct tm day = {0};
        if (strptime(resets + 12, "%Y-%m-%dT%H:%M:%S", &day)) {
            lamp->quiet_until = timegm(&day) + (time_t)(600 * fraction());
            printf("quiet until %.20s\n", resets + 12);
        }
    } else {
        printf("notice %s\n", notice);
    }
}

static void receive(struct lamp *lamp) {
    char *topic = NULL;
    int topic_length = 0;
    MQTTClient_message *message = NULL;
    if (MQTTClient_receive(lamp->client, &topic, &topic_length, &message, 500) < 0 || !message) return;
    char payload[1024];
    snprintf(payload, sizeof payload, "%.*s", message->payloadlen, (char *)message->payload);
    const char *level = topic + strlen(lamp->topics) + 1;
    if (strncmp(level, "down/", 5) == 0) printf("received %s: %s\n", level, payload);
    if (strcmp(level, "sys/notice") == 0) heed(lamp, payload);
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
}

/* MQTT 3.1.1 has no refusal in PUBACK: what is over the quota is acknowledged and dropped, and said
 * on sys/notice; what could not be stored ends the connection, and is sent again after it. */
static void report_when_due(struct lamp *lamp) {
    time_t now = time(NULL);
    if (now < lamp->next_report || now < lamp->quiet_until) return;
    char topic[160], report[64];
    MQTTClient_deliveryToken token;
    snprintf(topic, sizeof topic, "%s/up/state", lamp->topics);
    int length = snprintf(report, sizeof report, "{\"number\":%d,\"on\":true}", ++lamp->number);
    if (MQTTClient_publish(lamp->client, topic, length, report, 1, 0, &token) != MQTTCLIENT_SUCCESS) return;
    if (MQTTClient_waitForCompletion(lamp->client, token, 10000) != MQTTCLIENT_SUCCESS) return;
    printf("acknowledged %d\n", lamp->number);
    lamp->next_report = now + lamp->report_seconds;
}

/* One connection, from CONNECT to its end; says how long to wait until the next. */
static enum wait connection(struct lamp *lamp, const char *authority, int *attempt) {
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    tls.trustStore = authority;
    tls.verify = 1;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.cleansession = 0; /* what is sent to us while we are away waits */
    options.keepAliveInterval = 60;
    options.connectTimeout = 30;
    options.username = lamp->identity.user;
    options.password = lamp->identity.password;
    options.ssl = &tls;
    int code = MQTTClient_connect(lamp->client, &options);
    if (code != MQTTCLIENT_SUCCESS) {
        if (code > 0) printf("refused %d\n", code);
        else printf("no connection: %d\n", code);
        return wait_after(code);
    }
    printf("connected\n");
    time_t since = time(NULL);
    char down[160], notices[160];
    snprintf(down, sizeof down, "%s/down/#", lamp->topics);
    snprintf(notices, sizeof notices, "%s/sys/#", lamp->topics);
    MQTTClient_subscribe(lamp->client, down, 1);
    MQTTClient_subscribe(lamp->client, notices, 0);
    while (MQTTClient_isConnected(lamp->client)) {
        report_when_due(lamp);
        receive(lamp);
    }
    printf("disconnected\n");
    /* MQTT 3.1.1 does not say why. One that ends within seconds may be fought over: back off further. */
    if (time(NULL) - since > 60) *attempt = 0;
    return SOON;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if ((count == 5 || count == 6) && strcmp(arguments[1], "--sign") == 0) {
        struct identity identity;
        sign(&identity, arguments[2], arguments[3], arguments[4], count == 6 ? arguments[5] : "");
        printf("%s\n%s\n%s\n", identity.client, identity.user, identity.password);
        return 0;
    }
    if (count != 7) {
        fprintf(stderr, "usage: lamp HOST PORT CA.pem PRODUCTKEY DEVICEKEY SECRET\n");
        return 2;
    }
    struct lamp lamp = {0};
    const char *seconds = getenv("LAMP_REPORT_SECONDS");
    lamp.report_seconds = seconds ? atoi(seconds) : 30;
    sign(&lamp.identity, arguments[4], arguments[5], arguments[6], "");
    snprintf(lamp.topics, sizeof lamp.topics, "d/%s/%s", arguments[4], arguments[5]);
    char address[300];
    snprintf(address, sizeof address, "ssl://%s:%s", arguments[1], arguments[2]);
    if (MQTTClient_create(&lamp.client, address, lamp.identity.client, MQTTCLIENT_PERSISTENCE_NONE,
                          NULL) != MQTTCLIENT_SUCCESS) return 1;
    for (int attempt = 0;; attempt++) {
        enum wait wait = connection(&lamp, arguments[3], &attempt);
        double pause = pause_seconds(wait, attempt);
        printf("again in %.1f s (%s)\n", pause, wait == SOON ? "soon" : wait == HOUR ? "hour" : "day");
        struct timespec time = {(time_t)pause, (long)((pause - (time_t)pause) * 1e9)};
        nanosleep(&time, NULL);
    }
}
