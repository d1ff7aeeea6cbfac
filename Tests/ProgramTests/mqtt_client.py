"""paho's client, connected to a gateway of `gateway_process`."""
import paho.mqtt.client as mqtt

from gateway_process import until


def connected(gateway, name, user, password, **more):
    """`name` is the client identifier; `more` is what `mqtt.Client` takes."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, **more)
    client.username_pw_set(user, password)
    client.connect("127.0.0.1", gateway.port())
    client.loop_start()
    until(client.is_connected, f"{user} connects")
    return client
