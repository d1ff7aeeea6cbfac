import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Holds MQTT sessions over Java's TLS, two of each suite: the second resumes the first.
 *
 * <p>Usage: java Sessions.java PORT AUTHORITY STEPS DIRECTORY VERSION/SUITE...
 *
 * <p>STEPS has a line for each step: a file whose bytes are sent, and how many bytes are then waited for. All that a
 * session received is in DIRECTORY, in a file with its number; a line of standard output says what was agreed on.
 */
class Sessions {
    public static void main(String[] arguments) throws Exception {
        var port = Integer.parseInt(arguments[0]);
        var steps = Files.readAllLines(Path.of(arguments[2]));
        for (var number = 0; number < 2 * (arguments.length - 4); number += 2) {
            var context = context(arguments[1]);
            var agreed = arguments[4 + number / 2].split("/");
            for (var turn = 0; turn < 2; turn++) {
                // The name and the port are what an earlier session is found by.
                var socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port);
                socket.setSoTimeout(60_000);
                socket.setTcpNoDelay(true);
                socket.setEnabledProtocols(new String[] {agreed[0]});
                socket.setEnabledCipherSuites(new String[] {agreed[1]});
                var received = Path.of(arguments[3], Integer.toString(number + turn));
                Files.write(received, hold(socket, steps));
                System.out.println(socket.getSession().getProtocol() + " " + socket.getSession().getCipherSuite());
                socket.close();
            }
        }
    }

    private static SSLContext context(String authority) throws Exception {
        var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (var file = new FileInputStream(authority)) {
            trusted.setCertificateEntry(
                "authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static byte[] hold(SSLSocket socket, java.util.List<String> steps) throws IOException {
        var received = new java.io.ByteArrayOutputStream();
        socket.startHandshake();
        for (var step : steps) {
            // In TLS 1.3 another handshake is a KeyUpdate, which asks for one of ours.
            if (received.size() > 0 && socket.getSession().getProtocol().equals("TLSv1.3")) socket.startHandshake();
            var parts = step.split(" ");
            socket.getOutputStream().write(Files.readAllBytes(Path.of(parts[0])));
            var count = Integer.parseInt(parts[1]);
            var arrived = socket.getInputStream().readNBytes(count);
            if (arrived.length < count) throw new IOException("the gateway has ended the session");
            received.write(arrived);
        }
        // Sends close_notify; the end without one of the gateway's would throw.
        socket.shutdownOutput();
        if (socket.getInputStream().read() != -1) throw new IOException("more than the end");
        return received.toByteArray();
    }
}
