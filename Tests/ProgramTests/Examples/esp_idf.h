#pragma once
/* As much of ESP-IDF 5 and esp-mqtt as config/clients/lamp_esp32.c uses, to check it by a compiler: names and
 * types as Espressif documents them (mqtt_client.h, esp_event.h, esp_log.h, esp_random.h, FreeRTOS). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;
typedef const char *esp_event_base_t;
typedef void (*esp_event_handler_t)(void *, esp_event_base_t, int32_t, void *);
#define ESP_EVENT_ANY_ID (-1)

void esp_log(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define ESP_LOGI(tag, ...) esp_log(tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) esp_log(tag, __VA_ARGS__)

uint32_t esp_random(void);
typedef uint32_t TickType_t;
void vTaskDelay(const TickType_t ticks);
#define pdMS_TO_TICKS(milliseconds) ((TickType_t)(milliseconds) / 10)

typedef struct esp_mqtt_client *esp_mqtt_client_handle_t;
typedef enum {
    MQTT_EVENT_ANY = -1, MQTT_EVENT_ERROR = 0, MQTT_EVENT_CONNECTED, MQTT_EVENT_DISCONNECTED,
    MQTT_EVENT_SUBSCRIBED, MQTT_EVENT_UNSUBSCRIBED, MQTT_EVENT_PUBLISHED, MQTT_EVENT_DATA
} esp_mqtt_event_id_t;
typedef enum { MQTT_ERROR_TYPE_NONE = 0, MQTT_ERROR_TYPE_TCP_TRANSPORT, MQTT_ERROR_TYPE_CONNECTION_REFUSED }
    esp_mqtt_error_type_t;
typedef struct {
    esp_mqtt_error_type_t error_type;
    int connect_return_code;
} esp_mqtt_error_codes_t;
typedef struct {
    esp_mqtt_event_id_t event_id;
    esp_mqtt_client_handle_t client;
    char *data;
    int data_len;
    char *topic;
    int topic_len;
    esp_mqtt_error_codes_t *error_handle;
} esp_mqtt_event_t;
typedef struct {
    struct { struct { const char *uri; } address; struct { const char *certificate; } verification; } broker;
    struct { const char *username, *client_id; struct { const char *password; } authentication; } credentials;
    struct { int keepalive; bool disable_clean_session; } session;
    struct { bool disable_auto_reconnect; } network;
} esp_mqtt_client_config_t;

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *);
esp_err_t esp_mqtt_client_register_event(
    esp_mqtt_client_handle_t, esp_mqtt_event_id_t, esp_event_handler_t, void *);
esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t);
esp_err_t esp_mqtt_client_reconnect(esp_mqtt_client_handle_t);
int esp_mqtt_client_subscribe(esp_mqtt_client_handle_t, const char *topic, int qos);
int esp_mqtt_client_publish(
    esp_mqtt_client_handle_t, const char *topic, const char *data, int length, int qos, int retain);
