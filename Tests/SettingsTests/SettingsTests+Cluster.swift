import Gateway
import Ledger
import Testing
@testable import Settings

// Of a node of a cluster.
extension SettingsTests {
    @Test("a cluster: everything of it, its list from the environment, and nothing without a name")
    func cluster() throws {
        let yaml = """
            cluster:
              node: n1
              servers: ["nats://10.0.0.1:4222", "tls://[2001:db8::1]:4222"]
              stream: BOOKS
              replicas: 5
              sessionReplicas: 2
              user: gate
              passwordFile: /etc/nats password
              tls: {ca: ca.pem, certificate: cert.pem, key: key.pem}
            """
        let cluster = try load(yaml).cluster
        #expect(cluster.name?.text == "n1" && cluster.usesTLS && cluster.replicas == 5)
        #expect(cluster.sessionReplicas == 2)
        #expect(cluster.servers == ["nats://10.0.0.1:4222", "tls://[2001:db8::1]:4222"])
        #expect(cluster.passwordFile == "/etc/nats password" && cluster.tls.key == "key.pem")
        let environment = [
            "TOLLGATE_CLUSTER_NODE": "n2", "TOLLGATE_CLUSTER_SERVERS": "nats://a:1 nats://b:2",
        ]
        let other = try load(nil, environment: environment).cluster
        #expect(other.name?.text == "n2" && other.servers == ["nats://a:1", "nats://b:2"])
        #expect(!other.usesTLS && other.stream == "TOLLGATE" && other.replicas == 3)
        #expect(try load(nil).cluster.name == nil)
    }

    @Test(
        "what is wrong about a cluster names its key, and never shows a secret",
        arguments: [
            ("stream: A", "cluster.node: is missing: this gateway's name in its cluster"),
            ("node: n 1", "cluster.node: must be 1 to 64 of A-Z a-z 0-9 _ . -, and is 'n 1'"),
            (
                "node: gateway",
                "cluster.node: must not be 'gateway', which a gateway alone is called"
            ),
            ("node: n1", "cluster.servers: needs the NATS servers of the log"),
            (
                "node: n1, servers: [localhost]",
                "cluster.servers: must be like nats://HOST:4222 or tls://HOST:4222, and one is 'localhost'"
            ),
            (
                "node: n1, servers: ['nats://me:secret@localhost:4222']",
                "cluster.servers: must not name a user: that is what user and passwordFile are for"
            ),
            (
                "node: n1, servers: ['nats://a:1'], stream: a.b",
                "cluster.stream: must be of A-Z a-z 0-9 _ -, and is 'a.b'"
            ),
            (
                "node: n1, servers: ['nats://a:1'], replicas: 2",
                "cluster.replicas: must be 3 or 5, or 1 to try out, and is 2"
            ),
            (
                "node: n1, servers: ['nats://a:1'], sessionReplicas: 3",
                "cluster.sessionReplicas: must be 1, or 2 with a copy at another node, and is 3"
            ),
            (
                "node: n1, servers: ['nats://a:1'], user: me",
                "cluster.passwordFile: is missing: a user and a password come together"
            ),
            (
                "node: n1, servers: ['nats://a:1'], tokenFile: a, credentialsFile: b",
                "cluster.credentialsFile: is one too many: tokenFile is there"
            ),
            (
                "node: n1, servers: ['nats://a:1'], tls: {key: a}",
                "cluster.tls.certificate: is missing: certificate and key come together"
            ),
        ])
    func wrongCluster(_ section: String, _ expected: String) {
        let complaint = complaint("cluster: {\(section)}")
        #expect(complaint == "t.yaml:1: \(expected)" || complaint == "t.yaml: \(expected)")
    }

    @Test("a node takes no packet that its links don't, wherever that is set")
    func packetsOfNodes() {
        let section = "cluster: {node: n1, servers: ['nats://a:1']}\n"
        let limits = "limits: {packetSizeBytes: 5000000, queueBytes: 5000000}\n"
        #expect(
            complaint(section + limits).hasSuffix(
                "limits.packetSizeBytes: must be at most 4194304 in a cluster, and is 5000000"))
        #expect(complaint(limits) == "none")
    }
}
