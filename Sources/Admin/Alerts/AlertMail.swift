import Cryptography
import Ledger
import Time

/// A mail about an alert, as it goes to the mail server (RFC 5322): plain text in UTF-8.
struct AlertMail {
    let recipient: EmailAddress
    let bytes: [UInt8]

    /// About an alert, or its resolution.
    ///
    /// - Parameter sender: whose domain is also that of the `Message-ID`, which is the same each time that the message
    ///   is sent: by it a receiver knows a double. One that may be a double says so, too.
    init(_ notification: AlertNotification, of alert: Alert, from sender: EmailAddress) {
        let record = notification.record
        let texts = AlertText.texts(of: alert.record.place)
        let place = alert.record.place
        // A digest may have told of something else since.
        let told = alert.record.telling(at: record.createdAt)
        let authority: String =
            alert.authorityName ?? String((place.subject.authority?.text ?? "").prefix(12))
        let time: Timestamp =
            record.isResolution ? alert.record.resolvedAt ?? record.createdAt : alert.record.firedAt
        let values: [String: String] = [
            "product": alert.productName ?? "", "pk": place.subject.product?.text ?? "",
            "account": place.account?.text ?? "", "node": place.subject.node?.text ?? "",
            "authority": authority,
            "alert": String(alert.number),
            "threshold": String(alert.record.threshold),
            "devices": Self.devices(of: told.digest),
            "products": Self.products(of: told.digest),
            "time": "\(time)",
        ]
        func text(_ text: AlertText, value: UInt64) -> String {
            Self.filled(
                text.text(in: record.language),
                values.merging(["value": String(value)]) { $1 })
        }
        let (value, resolvedValue) = (told.value, alert.record.resolvedValue)
        var paragraphs = [text(texts.body, value: value)]
        if record.isResolution {
            paragraphs.insert(text(texts.resolved, value: resolvedValue), at: 0)
            if texts.hasValueNow { paragraphs.append(text(.valueNow, value: resolvedValue)) }
        }
        paragraphs.append(text(place.account == nil ? .operatorFooter : .footer, value: value))
        var extra = [("Tollgate-Alert", String(alert.number))]
        if record.unknownOutcomes > 0 {
            extra.append(
                ("Tollgate-Repeat", "possible; whether an earlier attempt arrived is not known"))
        }
        self.init(
            to: record.recipient, from: sender, at: record.createdAt,
            id: "notification-\(notification.id).\(record.createdAt.milliseconds)",
            language: record.language,
            subject: text(
                record.isResolution ? texts.resolved : texts.subject,
                value: record.isResolution ? resolvedValue : value),
            paragraphs: paragraphs, extra: extra)
    }

    /// `lamp-1, lamp-2, ...`: the first devices of a digest.
    private static func devices(of digest: [AlertDigestLine]) -> String {
        let names = digest.flatMap(\.first).map(\.text)
        let count = digest.reduce(0) { $0 + Int($1.devices) }
        return names.joined(separator: ", ") + (count > names.count ? ", ..." : "")
    }

    /// `lamp (12), meter (3)`: a digest's products, and how many devices each has.
    private static func products(of digest: [AlertDigestLine]) -> String {
        digest.map { "\($0.product) (\($0.devices))" }.joined(separator: ", ")
    }

    /// What shows that mail arrives.
    init(testTo recipient: EmailAddress, from sender: EmailAddress, at time: Timestamp) {
        func text(_ text: AlertText) -> String {
            AlertLanguage.allCases.map { text.text(in: $0) }.joined(separator: " ")
        }
        self.init(
            to: recipient, from: sender, at: time, id: "test.\(time.milliseconds)",
            language: nil, subject: text(.testSubject), paragraphs: [text(.testBody)], extra: [])
    }

    private init(
        to recipient: EmailAddress, from sender: EmailAddress, at time: Timestamp, id: String,
        language: AlertLanguage?, subject: String, paragraphs: [String],
        extra: [(String, String)]
    ) {
        self.recipient = recipient
        let domain = sender.text.split(separator: "@").last ?? "localhost"
        var headers = [
            ("Date", Self.date(time)), ("From", "Tollgate <\(sender)>"), ("To", "<\(recipient)>"),
            ("Subject", Self.encoded(subject.printable(keeping: false))),
            ("Message-ID", "<\(id)@\(domain)>"), ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "base64"),
        ]
        if let language { headers.append(("Content-Language", language.name)) }
        let body = paragraphs.map { $0.printable(keeping: false) }.joined(separator: "\r\n\r\n")
        let lines = Self.lines(of: Base64.encoded(Array("\(body)\r\n".utf8)), length: 76)
        let head = (headers + extra).map { "\($0.0): \($0.1)" }
        bytes = Array((head + [""] + lines + [""]).joined(separator: "\r\n").utf8)
    }

    /// Names are put in once: braces in a product's name mean nothing.
    static func filled(_ template: String, _ values: [String: String]) -> String {
        var text = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            text += rest[..<open]
            text += values[String(rest[rest.index(after: open)..<close])] ?? ""
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }

    /// A header's text: ASCII as it is, anything else as encoded words of at most 75 characters (RFC 2047, section 2).
    static func encoded(_ text: String) -> String {
        let isPlain = text.utf8.count <= 60 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        if isPlain, !text.contains("=?") { return text }
        var words: [[UInt8]] = [[]]
        for character in text.unicodeScalars {
            let bytes = Array(String(character).utf8)
            // 39 bytes are 52 letters, so a line has 76 at most (section 2), and no character is cut in two.
            if words[words.count - 1].count + bytes.count > 39 { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?utf-8?B?\(Base64.encoded($0))?=" }.joined(separator: "\r\n ")
    }

    /// `Fri, 21 Nov 2026 08:15:30 +0000` (RFC 5322, section 3.3).
    static func date(_ time: Timestamp) -> String {
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let day = Day(of: time, at: .utc)
        let weekday = names[((Int(day.number) % 7) + 7) % 7]
        let parts = "\(day)".split(separator: "-")
        let clock = "\(time)".split(separator: "T").last?.prefix(8) ?? "00:00:00"
        guard parts.count == 3, let month = Int(parts[1]), months.indices.contains(month - 1) else {
            return "Thu, 01 Jan 1970 00:00:00 +0000"
        }
        return "\(weekday), \(parts[2]) \(months[month - 1]) \(parts[0]) \(clock) +0000"
    }

    private static func lines(of text: String, length: Int) -> [String] {
        let bytes = Array(text.utf8)
        return stride(from: 0, to: bytes.count, by: length).map {
            String(decoding: bytes[$0..<min($0 + length, bytes.count)], as: UTF8.self)
        }
    }
}
