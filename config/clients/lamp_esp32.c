/* A lamp that connects to Tollgate over MQTT 3.1.1: ESP-IDF 5, its component esp-mqtt, and mbedTLS.
 *
 * Put it in main/ of a project, fill in the five lines below (or read them from NVS), and bring the network
 * up before app_main() gets here: esp_netif_init(), esp_event_loop_create_default(), Wi-Fi or Ethernet.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "esp_log.h"
#include "esp_random.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mbedtls/md.h"
#include "mqtt_client.h"

static const char *const server = "mqtts://gateway.example:8883";
static const char *const product_key = "lamp";
static const char *const device_key = "lamp-1";
static const char *const device_secret = "secret-of-the-1st";
static const char *const authority = "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n";

static const char *const tag = "lamp";
static const int report_seconds = 30;

struct lamp_identity {
    char client[256], user[128], password[65];
};

/* Client identifier, user name and password of a device that signs its CONNECT. It needs no clock. */
int lamp_sign(struct lamp_identity *identity, const char *product, const char *device, const char *secret) {
    char content[512];
    unsigned char code[32];
    snprintf(identity->client, sizeof identity->client, "%s.%s|securemode=2,signmethod=hmacsha256|", product, device);
    snprintf(identity->user, sizeof identity->user, "%s&%s", device, product);
    snprintf(content, sizeof content, "clientId%s.%sdeviceName%sproductKey%s", product, device, device, product);
    int failure = mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const unsigned char *)secret,
                                  strlen(secret), (const unsigned char *)content, strlen(content), code);
    for (int i = 0; i < 32; i++) snprintf(identity->password + 2 * i, 3, "%02x", code[i]);
    return failure;
}

/* How long to wait, by what the gateway said. SOON: it passes by itself. HOUR: an operator has to
 * do something. DAY: the firmware or its configuration is wrong: asking more often helps no one. */
enum lamp_wait { LAMP_SOON, LAMP_HOUR, LAMP_DAY };

enum lamp_wait lamp_wait_after(int return_code) {
    switch (return_code) {
    case 1: return LAMP_DAY;   /* unacceptable protocol version */
    case 2: return LAMP_DAY;   /* client identifier not valid */
    case 4: return LAMP_HOUR;  /* unknown device, or a wrong secret */
    case 5: return LAMP_HOUR;  /* disabled, no activation code left, expired */
    default: return LAMP_SOON; /* 3, and no answer at all */
    }
}

/* Seconds until the next attempt, spread at random so that a fleet does not come back at once. */
static uint32_t pause_seconds(enum lamp_wait wait, int attempt) {
    uint32_t most = attempt < 8 ? 1u << attempt : 256;
    switch (wait) {
    case LAMP_SOON: return 1 + most / 2 + esp_random() % (most / 2 + 1);
    case LAMP_HOUR: return 3600 + esp_random() % 1800;
    case LAMP_DAY: return 86400 + esp_random() % 43200;
    }
    return most;
}

/* What the event task writes and app_main reads: single words. */
static volatile bool is_connected, has_ended;
static volatile enum lamp_wait wait_next;
static volatile uint32_t quiet_reports; /* reports to leave out: the day's quota is used up */
static char topics[128];                /* d/PRODUCTKEY/DEVICEKEY */

static bool is_topic(const esp_mqtt_event_t *event, const char *end) {
    size_t length = strlen(topics);
    return event->topic_len > (int)length && strncmp(event->topic, topics, length) == 0
        && strncmp(event->topic + length, end, strlen(end)) == 0;
}

static void on_event(void *context, esp_event_base_t base, int32_t id, void *data) {
    (void)context, (void)base;
    const esp_mqtt_event_t *event = data;
    char filter[160];
    switch ((esp_mqtt_event_id_t)id) {
    case MQTT_EVENT_CONNECTED:
        ESP_LOGI(tag, "connected");
        snprintf(filter, sizeof filter, "%s/down/#", topics);
        esp_mqtt_client_subscribe(event->client, filter, 1);
        snprintf(filter, sizeof filter, "%s/sys/#", topics);
        esp_mqtt_client_subscribe(event->client, filter, 0);
        wait_next = LAMP_SOON;
        is_connected = true;
        break;
    case MQTT_EVENT_ERROR:
        if (event->error_handle->error_type == MQTT_ERROR_TYPE_CONNECTION_REFUSED) {
            int code = (int)event->error_handle->connect_return_code;
            ESP_LOGW(tag, "refused %d", code);
            wait_next = lamp_wait_after(code);
        }
        break;
    case MQTT_EVENT_DISCONNECTED:
        is_connected = false;
        has_ended = true;
        break;
    case MQTT_EVENT_DATA:
        if (is_topic(event, "/down/")) {
            ESP_LOGI(tag, "received %.*s", event->data_len, event->data);
        } else if (is_topic(event, "/sys/notice")) {
            ESP_LOGW(tag, "notice %.*s", event->data_len, event->data);
            /* Without a clock: be quiet for an hour. A message that comes too early costs no more than itself. */
            if (memmem(event->data, (size_t)event->data_len, "quota-exhausted", 15)) quiet_reports = 3600 / report_seconds;
        }
        break;
    default:
        break;
    }
}

/* MQTT 3.1.1 has no refusal in PUBACK: what is over the quota is acknowledged and dropped, and said on
 * sys/notice. esp-mqtt keeps a QoS 1 message until it is acknowledged, over connections too. */
static void report(esp_mqtt_client_handle_t client, uint32_t number) {
    char topic[160], payload[64];
    if (quiet_reports > 0) {
        quiet_reports -= 1;
        return;
    }
    snprintf(topic, sizeof topic, "%s/up/state", topics);
    snprintf(payload, sizeof payload, "{\"number\":%lu,\"on\":true}", (unsigned long)number);
    esp_mqtt_client_publish(client, topic, payload, 0, 1, 0);
}

void app_main(void) {
    static struct lamp_identity identity;
    lamp_sign(&identity, product_key, device_key, device_secret);
    snprintf(topics, sizeof topics, "d/%s/%s", product_key, device_key);
    esp_mqtt_client_config_t configuration = {
        .broker.address.uri = server,
        .broker.verification.certificate = authority,
        .credentials.client_id = identity.client,
        .credentials.username = identity.user,
        .credentials.authentication.password = identity.password,
        .session.keepalive = 60,
        .session.disable_clean_session = true, /* what is sent to us while we are away waits */
        .network.disable_auto_reconnect = true, /* we decide when */
    };
    esp_mqtt_client_handle_t client = esp_mqtt_client_init(&configuration);
    esp_mqtt_client_register_event(client, ESP_EVENT_ANY_ID, on_event, NULL);
    esp_mqtt_client_start(client);
    int attempt = 0;
    for (uint32_t second = 0, number = 0;; second++) {
        vTaskDelay(pdMS_TO_TICKS(1000));
        if (has_ended) {
            uint32_t seconds = pause_seconds(wait_next, attempt++);
            ESP_LOGI(tag, "again in %lu s", (unsigned long)seconds);
            for (uint32_t i = 0; i < seconds; i++) vTaskDelay(pdMS_TO_TICKS(1000));
            has_ended = false;
            wait_next = LAMP_SOON;
            esp_mqtt_client_reconnect(client);
            second = 0;
        } else if (is_connected && second % (uint32_t)report_seconds == 0) {
            report(client, ++number);
            if (second > 60) attempt = 0; /* it has held for a minute */
        }
    }
}
