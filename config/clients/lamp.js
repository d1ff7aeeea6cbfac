#!/usr/bin/env node
// A lamp that connects to Tollgate over MQTT 5.
//
//   lamp.js HOST PORT CA.pem PRODUCTKEY DEVICEKEY SECRET     runs until it is ended
//   lamp.js --sign PRODUCTKEY DEVICEKEY SECRET [TIMESTAMP]   prints what a CONNECT would carry
//
// Needs MQTT.js 4 or 5: npm install mqtt, or Debian's node-mqtt (NODE_PATH=/usr/share/nodejs).
"use strict";

const crypto = require("crypto");
const fs = require("fs");

const reportSeconds = Number(process.env.LAMP_REPORT_SECONDS ?? 30);

/** Client identifier, user name and password of a device that signs its CONNECT. */
function sign(product, device, secret, timestamp) {
    const name = `${product}.${device}`;
    const stamp = timestamp ? `,timestamp=${timestamp}` : "";
    const content = `clientId${name}deviceName${device}productKey${product}`
        + (timestamp ? `timestamp${timestamp}` : "");
    return {
        clientId: `${name}|securemode=2,signmethod=hmacsha256${stamp}|`,
        username: `${device}&${product}`,
        password: crypto.createHmac("sha256", secret).update(content).digest("hex"),
    };
}

// How long to wait, by what the gateway said. SOON: it passes by itself. HOUR: an operator has to do
// something. DAY: the firmware or its configuration is wrong, so asking more often helps no one.
const [SOON, HOUR, DAY] = ["soon", "hour", "day"];
const connectRefusals = {
    0x84: DAY,   // unsupported protocol version
    0x85: DAY,   // client identifier not valid
    0x8c: DAY,   // bad authentication method
    0x90: DAY,   // the will's topic
    0x86: HOUR,  // unknown device, or a wrong secret
    0x87: HOUR,  // disabled, or not allowed on this listener
    0x97: HOUR,  // no activation code left, or expired
};
const publishLater = 0x97;                             // the day's quota
const publishNever = new Set([0x87, 0x90, 0x99]);      // the topic or the payload

/** Seconds until the next attempt, spread at random so that a fleet does not come back at once. */
function pause(kind, attempt) {
    if (kind === SOON) return Math.min(300, 2 ** attempt) * (0.5 + Math.random() / 2);
    return (kind === HOUR ? 3600 : 86400) * (1 + Math.random() / 2);
}

const hex = (code) => "0x" + code.toString(16).toUpperCase().padStart(2, "0");

class Lamp {
    constructor(host, port, authority, product, device, secret) {
        this.topics = `d/${product}/${device}`;
        this.options = {
            ...sign(product, device, secret),
            host, port: Number(port), protocol: "mqtts", ca: fs.readFileSync(authority),
            protocolVersion: 5, keepalive: 60,
            // The session outlives a short absence: what is sent to us meanwhile waits there.
            clean: false, properties: { sessionExpiryInterval: 3600 },
            reconnectPeriod: 0,         // we decide when
        };
        this.attempt = 0;               // since the last time that the gateway let us in
        this.isOverQuota = false;
        this.quietUntil = 0;            // milliseconds
        this.nextReport = 0;
        this.number = 0;
        this.pending = false;
    }

    connect() {
        this.kind = SOON;
        this.pending = false;
        const client = require("mqtt").connect(this.options);
        const timer = setInterval(() => this.reportWhenDue(client), 500);
        client.on("connect", () => {
            console.log("connected");
            this.attempt = 0;
            client.subscribe({ [`${this.topics}/down/#`]: { qos: 1 }, [`${this.topics}/sys/#`]: { qos: 0 } });
        });
        client.on("packetreceive", (packet) => {
            if (packet.cmd !== "connack" || packet.reasonCode < 0x80) return;
            this.kind = connectRefusals[packet.reasonCode] ?? SOON;
            console.log(`refused ${hex(packet.reasonCode)}: ${packet.properties?.reasonString ?? ""}`);
        });
        client.on("disconnect", (packet) => {
            console.log(`disconnected ${hex(packet.reasonCode)}: ${packet.properties?.reasonString ?? ""}`);
            if (packet.reasonCode === 0x8e) {     // another client has our name: don't fight over it
                this.attempt = Math.max(this.attempt, 6);
            }
        });
        client.on("message", (topic, payload) => this.receive(topic, payload.toString()));
        client.on("error", (error) => {
            // A refused CONNECT is an error, too: its code is a number, and it has been said.
            if (typeof error.code !== "number" && !client.hasFailed) console.log(`no connection: ${error.message}`);
            client.hasFailed = true;
            client.end(true);
        });
        client.on("close", () => client.end(true));
        client.on("end", () => {
            if (client.isDone) return;
            client.isDone = true;
            clearInterval(timer);
            const seconds = pause(this.kind, this.attempt);
            this.attempt += 1;
            console.log(`again in ${seconds.toFixed(1)} s (${this.kind})`);
            setTimeout(() => this.connect(), seconds * 1000);
        });
    }

    reportWhenDue(client) {
        const now = Date.now();
        if (!client.connected || this.pending || now < Math.max(this.nextReport, this.quietUntil)) return;
        this.number += 1;
        this.pending = true;
        this.nextReport = now + reportSeconds * 1000;
        const report = JSON.stringify({ number: this.number, on: true });
        client.publish(`${this.topics}/up/state`, report, { qos: 1 }, (error, packet) => {
            if (!this.pending) return;            // MQTT.js 4 calls twice when a message is refused
            this.pending = false;
            const code = error?.code ?? packet?.reasonCode ?? 0;
            if (typeof code !== "number") return; // the connection ended
            if (code < 0x80) {
                console.log(`acknowledged ${this.number}`);
                this.isOverQuota = false;
            } else if (code === publishLater) {
                console.log("quota used up");
                this.isOverQuota = true;
                this.quietUntil = Math.max(this.quietUntil, Date.now() + 3600_000); // or as the answer says
                client.publish(`${this.topics}/sys/quota/get`, "", { qos: 0 });
            } else if (publishNever.has(code)) {
                console.log(`not taken ${hex(code)}: the firmware is wrong`);
            } else {
                console.log(`not taken ${hex(code)}: sent again later`);
            }
        });
    }

    receive(topic, payload) {
        const level = topic.slice(this.topics.length + 1);
        if (level.startsWith("down/")) {
            console.log(`received ${level}: ${payload}`);
        } else if (level === "sys/notice" || level === "sys/quota") {
            const notice = JSON.parse(payload);
            if (!this.isOverQuota && notice.reason !== "quota-exhausted" || !notice.resetsAt) return;
            this.quietUntil = Date.parse(notice.resetsAt) + Math.random() * 600_000;
            console.log(`quiet until ${notice.resetsAt}`);
        }
    }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--sign" && (rest.length === 3 || rest.length === 4)) {
    const { clientId, username, password } = sign(...rest);
    console.log([clientId, username, password].join("\n"));
} else if (rest.length === 5) {
    new Lamp(first, ...rest).connect();
} else {
    console.error("usage: lamp.js HOST PORT CA.pem PRODUCTKEY DEVICEKEY SECRET");
    process.exit(2);
}
